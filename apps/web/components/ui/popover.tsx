"use client";

import { Popover as Radix } from "radix-ui";
import type { ComponentProps } from "react";
import { cn } from "./class-names";

export const Popover = Radix.Root;
export const PopoverTrigger = Radix.Trigger;

export function PopoverContent({ className, ...rest }: ComponentProps<typeof Radix.Content>) {
  return (
    <Radix.Portal>
      <Radix.Content
        sideOffset={6}
        align="end"
        className={cn(
          "z-50 animate-pop rounded-lg border border-line bg-surface shadow-pop outline-none",
          className,
        )}
        {...rest}
      />
    </Radix.Portal>
  );
}
