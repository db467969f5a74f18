"use client";

import { Check } from "lucide-react";
import { DropdownMenu as Radix } from "radix-ui";
import type { ComponentProps } from "react";
import { cn } from "./class-names";

/** Not modal: the rest of the page stays readable for screen readers while a menu is open. */
export const Menu = (props: ComponentProps<typeof Radix.Root>) => <Radix.Root modal={false} {...props} />;
export const MenuTrigger = Radix.Trigger;
export const MenuRadioGroup = Radix.RadioGroup;

const row =
  "relative flex h-8 cursor-default select-none items-center gap-2 rounded-sm px-2 text-sm outline-none data-[disabled]:pointer-events-none data-[highlighted]:bg-hover data-[disabled]:opacity-45 [&_svg]:size-4 [&_svg]:shrink-0 [&_svg]:text-ink-faint";

export function MenuContent({ className, ...rest }: ComponentProps<typeof Radix.Content>) {
  return (
    <Radix.Portal>
      <Radix.Content
        sideOffset={4}
        align="end"
        className={cn(
          "z-50 min-w-44 animate-pop rounded-lg border border-line bg-surface p-1 shadow-pop",
          className,
        )}
        {...rest}
      />
    </Radix.Portal>
  );
}

export function MenuItem({
  className,
  isDanger,
  ...rest
}: ComponentProps<typeof Radix.Item> & { isDanger?: boolean }) {
  return (
    <Radix.Item className={cn(row, isDanger && "text-red-text [&_svg]:text-red-text", className)} {...rest} />
  );
}

export function MenuRadioItem({ className, children, ...rest }: ComponentProps<typeof Radix.RadioItem>) {
  return (
    <Radix.RadioItem className={cn(row, "pr-8", className)} {...rest}>
      {children}
      <Radix.ItemIndicator className="absolute right-2">
        <Check />
      </Radix.ItemIndicator>
    </Radix.RadioItem>
  );
}

export function MenuLabel(props: ComponentProps<typeof Radix.Label>) {
  return <Radix.Label className="px-2 pt-2 pb-1 font-medium text-2xs text-ink-faint" {...props} />;
}

export function MenuSeparator() {
  return <Radix.Separator className="-mx-1 my-1 h-px bg-line" />;
}
