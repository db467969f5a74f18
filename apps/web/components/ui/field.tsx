import { type ReactNode, useId } from "react";
import { cn } from "./class-names";

type Props = { label: string; hint?: ReactNode; className?: string; children: (id: string) => ReactNode };

export function Field({ label, hint, className, children }: Props) {
  const id = useId();
  return (
    <div className={cn("flex min-w-0 flex-col gap-1", className)}>
      <label htmlFor={id} className="font-medium text-ink-soft text-xs">
        {label}
      </label>
      {children(id)}
      {hint && <p className="text-ink-faint text-xs">{hint}</p>}
    </div>
  );
}
