"use client";

import { CircleAlert, type LucideIcon, RotateCw } from "lucide-react";
import type { ReactNode } from "react";
import { useTranslations } from "use-intl";
import { Button } from "./button";
import { cn } from "./class-names";
import { useProblemText } from "./problem-text";

export function Skeleton({ className }: { className?: string }) {
  return <div className={cn("animate-pulse rounded-md bg-line/70", className)} />;
}

/** Rows that stand in for a list while it loads. */
export function LoadingRows({ count = 6, className }: { count?: number; className?: string }) {
  const t = useTranslations("common");
  return (
    <div role="status" className={cn("flex flex-col gap-2 p-4", className)}>
      <span className="sr-only">{t("loading")}</span>
      {Array.from({ length: count }, (_, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the rows have no identity
        <Skeleton key={index} className="h-9" />
      ))}
    </div>
  );
}

type EmptyProps = { icon: LucideIcon; title: string; children?: ReactNode; action?: ReactNode };

export function EmptyState({ icon: Icon, title, children, action }: EmptyProps) {
  return (
    <div className="flex flex-col items-center px-6 py-12 text-center">
      <span className="mb-3 grid size-10 place-items-center rounded-lg bg-sunken text-ink-faint">
        <Icon className="size-5" aria-hidden />
      </span>
      <p className="font-medium text-sm">{title}</p>
      {children && <p className="mt-1 max-w-md text-ink-soft text-sm">{children}</p>}
      {action && <div className="mt-4 flex gap-2">{action}</div>}
    </div>
  );
}

export function ErrorState({ error, onRetry }: { error: unknown; onRetry?: () => void }) {
  const t = useTranslations("common");
  const problemText = useProblemText();
  return (
    <div role="alert" className="flex flex-col items-center px-6 py-12 text-center">
      <span className="mb-3 grid size-10 place-items-center rounded-lg bg-red-soft text-red-text">
        <CircleAlert className="size-5" aria-hidden />
      </span>
      <p className="font-medium text-sm">{t("loadFailed")}</p>
      <p className="mt-1 max-w-md text-ink-soft text-sm">{problemText(error)}</p>
      {onRetry && (
        <Button className="mt-4" onClick={onRetry}>
          <RotateCw aria-hidden /> {t("tryAgain")}
        </Button>
      )}
    </div>
  );
}
