import { Search } from "lucide-react";
import type { ComponentProps } from "react";
import { cn } from "./class-names";

const box =
  "w-full rounded-md border border-line-strong bg-surface px-2.5 text-sm text-ink placeholder:text-ink-faint focus-visible:border-accent focus-visible:outline-1 focus-visible:outline-offset-0 disabled:bg-sunken disabled:text-ink-soft aria-invalid:border-red-dot";

export function Input({ className, ...rest }: ComponentProps<"input">) {
  return <input className={cn(box, "h-8", className)} {...rest} />;
}

export function Textarea({ className, ...rest }: ComponentProps<"textarea">) {
  return <textarea className={cn(box, "min-h-16 py-1.5", className)} {...rest} />;
}

export function SearchInput({ className, ...rest }: ComponentProps<"input">) {
  return (
    <div className={cn("relative", className)}>
      <Search className="pointer-events-none absolute top-2 left-2.5 size-4 text-ink-faint" aria-hidden />
      <Input type="search" className="pl-8" {...rest} />
    </div>
  );
}
