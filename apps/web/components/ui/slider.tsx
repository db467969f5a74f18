import type { ComponentProps } from "react";
import { cn } from "./class-names";

/** A range field in the page's colours. */
export function Slider({ className, ...rest }: Omit<ComponentProps<"input">, "type">) {
  return <input type="range" className={cn("h-5 accent-accent", className)} {...rest} />;
}
