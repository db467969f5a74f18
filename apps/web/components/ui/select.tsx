"use client";

import { Check, ChevronDown } from "lucide-react";
import { Select as Radix } from "radix-ui";
import { cn } from "./class-names";

export type Option = { value: string; label: string; count?: number };

type Props = {
  label: string;
  value: string;
  options: Option[];
  onChange: (value: string) => void;
  className?: string;
};

/** Radix has no empty value; "" (no choice made) travels as this. */
const NONE = "__none__";

export function Select({ label, value, options, onChange, className }: Props) {
  return (
    <Radix.Root value={value || NONE} onValueChange={(next) => onChange(next === NONE ? "" : next)}>
      <Radix.Trigger
        aria-label={label}
        className={cn(
          "inline-flex h-8 min-w-32 items-center justify-between gap-2 rounded-md border border-line-strong bg-surface px-2.5 text-sm hover:bg-hover",
          className,
        )}
      >
        <span className="truncate">
          <Radix.Value />
        </span>
        <Radix.Icon asChild>
          <ChevronDown className="size-4 shrink-0 text-ink-faint" />
        </Radix.Icon>
      </Radix.Trigger>
      <Radix.Portal>
        <Radix.Content
          position="popper"
          sideOffset={4}
          className="z-50 max-h-80 min-w-(--radix-select-trigger-width) animate-pop overflow-hidden rounded-lg border border-line bg-surface shadow-pop"
        >
          <Radix.Viewport className="p-1">
            {options.map((option) => (
              <Radix.Item
                key={option.value}
                value={option.value || NONE}
                className="relative flex h-8 cursor-default select-none items-center gap-3 rounded-sm pr-8 pl-2 text-sm outline-none data-[highlighted]:bg-hover"
              >
                <Radix.ItemText>{option.label}</Radix.ItemText>
                {option.count !== undefined && (
                  <span className="ml-auto text-ink-faint text-xs tabular-nums">{option.count}</span>
                )}
                <Radix.ItemIndicator className="absolute right-2">
                  <Check className="size-4 text-ink-faint" />
                </Radix.ItemIndicator>
              </Radix.Item>
            ))}
          </Radix.Viewport>
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}
