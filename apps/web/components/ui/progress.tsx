import { cn } from "./class-names";

type Props = { value: number; label: string; className?: string; tone?: "accent" | "red" | "green" };

const FILL = { accent: "bg-accent", red: "bg-red-dot", green: "bg-green-dot" };

/** @param value in percent, 0 to 100 */
export function Progress({ value, label, className, tone = "accent" }: Props) {
  const percent = Math.max(0, Math.min(100, value));
  return (
    <div
      role="progressbar"
      aria-label={label}
      aria-valuenow={Math.round(percent)}
      aria-valuemin={0}
      aria-valuemax={100}
      className={cn("h-1.5 overflow-hidden rounded-full bg-line", className)}
    >
      <div
        className={cn("h-full rounded-full transition-[width] duration-500", FILL[tone])}
        style={{ width: `${percent}%` }}
      />
    </div>
  );
}
