"use client";

import { Toaster as Sonner } from "sonner";
import { useTranslations } from "use-intl";

export function Toaster() {
  const t = useTranslations("common");
  return (
    <Sonner
      position="bottom-right"
      className="font-sans!"
      containerAriaLabel={t("messages")}
      toastOptions={{
        unstyled: true,
        classNames: {
          toast:
            "flex w-(--width) items-start gap-2.5 rounded-lg border border-line bg-surface p-3 text-sm shadow-pop",
          title: "font-medium text-ink",
          description: "text-ink-soft",
          success: "[&_[data-icon]]:text-green-text",
          error: "[&_[data-icon]]:text-red-text",
          actionButton: "ml-auto shrink-0 rounded-md px-2 py-0.5 font-medium text-accent-text hover:bg-hover",
        },
      }}
    />
  );
}
