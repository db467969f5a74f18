import type { ComponentProps, ReactNode } from "react";
import { cn } from "./class-names";

export function Card({ className, ...rest }: ComponentProps<"section">) {
  return <section className={cn("rounded-lg border border-line bg-surface", className)} {...rest} />;
}

export function CardHeader({ title, children }: { title: ReactNode; children?: ReactNode }) {
  return (
    <header className="flex h-11 items-center gap-3 border-line border-b px-4">
      <h2 className="min-w-0 flex-1 truncate font-semibold text-sm">{title}</h2>
      {children}
    </header>
  );
}
