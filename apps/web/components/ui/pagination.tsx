"use client";

import { ChevronLeft, ChevronRight } from "lucide-react";
import { useTranslations } from "use-intl";
import { Button } from "./button";

type Props = { page: number; limit: number; total: number; onPage: (page: number) => void };

export function Pagination({ page, limit, total, onPage }: Props) {
  const t = useTranslations("common");
  const last = Math.max(1, Math.ceil(total / limit));
  const from = total === 0 ? 0 : (page - 1) * limit + 1;
  return (
    <nav aria-label={t("pages")} className="flex h-11 items-center gap-2 border-line border-t px-4">
      <p className="flex-1 text-ink-soft text-xs tabular-nums" aria-live="polite">
        {t("range", { from, to: Math.min(page * limit, total), total })}
      </p>
      <Button
        size="icon-sm"
        disabled={page <= 1}
        onClick={() => onPage(page - 1)}
        aria-label={t("previousPage")}
      >
        <ChevronLeft />
      </Button>
      <span className="text-ink-soft text-xs tabular-nums">{t("pageOf", { page, last })}</span>
      <Button
        size="icon-sm"
        disabled={page >= last}
        onClick={() => onPage(page + 1)}
        aria-label={t("nextPage")}
      >
        <ChevronRight />
      </Button>
    </nav>
  );
}
