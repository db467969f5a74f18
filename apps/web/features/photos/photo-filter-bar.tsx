"use client";

import { keepPreviousData } from "@tanstack/react-query";
import { Copy, X } from "lucide-react";
import { useTranslations } from "use-intl";
import { $api } from "@/api/client";
import { PHOTO_STATUSES, type PhotoStatus } from "@/api/types";
import { Button } from "@/components/ui/button";
import { SearchInput } from "@/components/ui/input";
import { Select } from "@/components/ui/select";
import { useSearchText } from "@/routing/use-search-text";

type Values = { status: string; source: string; search: string; group: string };
type Props = {
  url: Values;
  status: PhotoStatus | undefined;
  found: { total: number; is_total_exact: boolean } | undefined;
  onUrl: (change: Partial<Values>) => void;
  onClear: () => void;
};

export function PhotoFilterBar({ url, status, found, onUrl, onClear }: Props) {
  const t = useTranslations("photos");
  const [text, setText] = useSearchText(url.search, (search) => onUrl({ search }));
  const facets = $api.useQuery(
    "get",
    "/api/v1/real-images/facets",
    { params: { query: { status, source: url.source || undefined } } },
    { placeholderData: keepPreviousData },
  );
  const counts = new Map(facets.data?.statuses.map(({ value, n }) => [value, n]));
  return (
    <div className="flex flex-wrap items-center gap-2 border-line border-b px-4 py-2.5">
      <SearchInput
        className="w-72"
        aria-label={t("search")}
        placeholder={t("search")}
        value={text}
        onChange={(event) => setText(event.target.value)}
      />
      <Select
        label={t("status")}
        value={status ?? ""}
        onChange={(value) => onUrl({ status: value })}
        options={[
          { value: "", label: t("allStatuses") },
          ...PHOTO_STATUSES.map((one) => ({
            value: one,
            label: t(`statuses.${one}`),
            count: counts.get(one) ?? 0,
          })),
        ]}
      />
      <Select
        label={t("source")}
        value={url.source}
        onChange={(source) => onUrl({ source })}
        className="max-w-56"
        options={[
          { value: "", label: t("allSources") },
          ...(facets.data?.sources ?? []).map(({ value, n }) => ({ value, label: value, count: n })),
        ]}
      />
      {url.group && (
        <Button onClick={() => onUrl({ group: "" })}>
          <Copy aria-hidden /> {t("groupFilter")} <X aria-label={t("showAll")} />
        </Button>
      )}
      {(status || url.source || url.search) && (
        <Button variant="ghost" onClick={onClear}>
          {t("clearFilters")}
        </Button>
      )}
      {found && (
        <p className="ml-auto text-ink-soft text-xs tabular-nums" aria-live="polite">
          {found.is_total_exact
            ? t("total", { count: found.total })
            : t("totalAtLeast", { count: found.total })}
        </p>
      )}
    </div>
  );
}
