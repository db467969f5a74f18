"use client";

import { X } from "lucide-react";
import { Dialog as Radix } from "radix-ui";
import type { ComponentProps, ReactNode } from "react";
import { useTranslations } from "use-intl";
import { Button } from "./button";
import { cn } from "./class-names";

export const Dialog = Radix.Root;
export const DialogTrigger = Radix.Trigger;
export const DialogClose = Radix.Close;

type ContentProps = ComponentProps<typeof Radix.Content> & {
  title: ReactNode;
  description?: ReactNode;
  isTitleHidden?: boolean;
  side?: "center" | "right";
};

const SHAPE = {
  center:
    "top-1/2 left-1/2 max-h-[88vh] w-[min(30rem,calc(100vw-2rem))] -translate-x-1/2 -translate-y-1/2 rounded-lg",
  right: "inset-y-0 right-0 w-[min(36rem,100vw)] animate-slide border-y-0 border-r-0",
};

/** A window over the page (`center`) or a drawer at its edge (`right`). */
export function DialogContent({
  title,
  description,
  isTitleHidden,
  side = "center",
  className,
  children,
  ...rest
}: ContentProps) {
  const t = useTranslations("common");
  return (
    <Radix.Portal>
      <Radix.Overlay className="fixed inset-0 z-40 animate-fade bg-overlay" />
      <Radix.Content
        className={cn(
          "fixed z-50 flex flex-col overflow-hidden border border-line bg-surface shadow-pop outline-none",
          SHAPE[side],
          className,
        )}
        {...(description ? {} : { "aria-describedby": undefined })}
        {...rest}
      >
        <header className={cn("flex items-start gap-3 px-5 pt-4 pb-3", isTitleHidden && "sr-only")}>
          <div className="min-w-0 flex-1">
            <Radix.Title className="font-semibold text-base">{title}</Radix.Title>
            {description && (
              <Radix.Description className="mt-1 text-ink-soft text-sm">{description}</Radix.Description>
            )}
          </div>
          <Radix.Close asChild>
            <Button variant="ghost" size="icon-sm" aria-label={t("close")} className="-mr-1.5">
              <X />
            </Button>
          </Radix.Close>
        </header>
        {children}
      </Radix.Content>
    </Radix.Portal>
  );
}

export function DialogFooter({ children }: { children: ReactNode }) {
  return <footer className="flex justify-end gap-2 border-line border-t px-5 py-3">{children}</footer>;
}
