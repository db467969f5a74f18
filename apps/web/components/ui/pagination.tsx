"use client";

import { ChevronLeft, ChevronRight } from "lucide-react";
import { useTranslations } from "use-intl";
import { Button } from "./button";

/** Pages by number reach this row; the API walks further by cursor only. */
const DEEPEST_ROW = 10_000;

type Found = {
  items: unknown[];
  page: number;
  limit: number;
  total: number;
  is_total_exact: boolean;
  next_cursor: string | null;
};
type Props = { found: Found; onPage: (page: number) => void };

export function Pagination({ found, onPage }: Props) {
  const t = useTranslations("common");
  const { page, limit, total } = found;
  const deepest = Math.floor(DEEPEST_ROW / limit);
  const last = Math.min(Math.max(1, Math.ceil(total / limit)), deepest);
  const isDeepest = found.next_cursor !== null && page >= deepest;
  const from = found.items.length === 0 ? 0 : (page - 1) * limit + 1;
  const to = (page - 1) * limit + found.items.length;
  return (
    <nav aria-label={t("pages")} className="flex h-11 items-center gap-2 border-line border-t px-4">
      <p className="flex-1 text-ink-soft text-xs tabular-nums" aria-live="polite">
        {t(found.is_total_exact ? "range" : "rangeAtLeast", { from, to, total })}
        {isDeepest && ` ${t("deepest")}`}
      </p>
      <Button
        size="icon-sm"
        disabled={page <= 1}
        onClick={() => onPage(page - 1)}
        aria-label={t("previousPage")}
      >
        <ChevronLeft />
      </Button>
      {found.is_total_exact && (
        <span className="text-ink-soft text-xs tabular-nums">{t("pageOf", { page, last })}</span>
      )}
      <Button
        size="icon-sm"
        disabled={found.next_cursor === null || isDeepest}
        onClick={() => onPage(page + 1)}
        aria-label={t("nextPage")}
      >
        <ChevronRight />
      </Button>
    </nav>
  );
}
