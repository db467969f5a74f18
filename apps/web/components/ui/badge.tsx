import { cva, type VariantProps } from "class-variance-authority";
import type { ReactNode } from "react";
import { cn } from "./class-names";

const badgeVariants = cva(
  "inline-flex h-5.5 items-center gap-1.5 whitespace-nowrap rounded-full px-2 font-medium text-xs before:size-1.5 before:rounded-full before:content-['']",
  {
    variants: {
      tone: {
        grey: "bg-sunken text-ink-soft before:bg-ink-faint",
        yellow: "bg-yellow-soft text-yellow-text before:bg-yellow-dot",
        blue: "bg-blue-soft text-blue-text before:bg-blue-dot",
        purple: "bg-purple-soft text-purple-text before:bg-purple-dot",
        green: "bg-green-soft text-green-text before:bg-green-dot",
        red: "bg-red-soft text-red-text before:bg-red-dot",
      },
    },
    defaultVariants: { tone: "grey" },
  },
);

export type Tone = NonNullable<VariantProps<typeof badgeVariants>["tone"]>;

export function Badge({
  tone,
  className,
  children,
}: {
  tone: Tone;
  className?: string;
  children: ReactNode;
}) {
  return <span className={cn(badgeVariants({ tone }), className)}>{children}</span>;
}
