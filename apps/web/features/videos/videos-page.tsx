"use client";

import { keepPreviousData } from "@tanstack/react-query";
import { Clapperboard } from "lucide-react";
import { useTranslations } from "use-intl";
import { $api } from "@/api/client";
import { VIDEO_STATUSES } from "@/api/types";
import { PageHeader } from "@/components/shell/page-header";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { SearchInput } from "@/components/ui/input";
import { Pagination } from "@/components/ui/pagination";
import { Select } from "@/components/ui/select";
import { EmptyState, ErrorState, LoadingRows } from "@/components/ui/states";
import { useIsOperator } from "@/features/accounts/use-is-operator";
import { useSearchText } from "@/routing/use-search-text";
import { findChoice, readPage, useUrlState } from "@/routing/use-url-state";
import { UploadPanel } from "./upload-panel";
import { VideoStats } from "./video-stats";
import { VideoTable } from "./video-table";

const LIMIT = 50;

export function VideosPage() {
  const t = useTranslations("videos");
  const [url, setUrl] = useUrlState(["status", "search", "page"]);
  const status = findChoice(VIDEO_STATUSES, url.status);
  const isOperator = useIsOperator();
  const page = readPage(url.page);
  const [text, setText] = useSearchText(url.search, (search) => setUrl({ search, page: "" }));

  const videos = $api.useQuery(
    "get",
    "/api/v1/videos",
    { params: { query: { status, search: url.search || undefined, page, limit: LIMIT } } },
    { placeholderData: keepPreviousData },
  );
  const isFiltered = Boolean(status || url.search);

  function clearFilters() {
    setUrl({ status: "", search: "", page: "" });
  }

  return (
    <>
      <PageHeader title={t("title")} description={t("description")} />
      {isOperator && <UploadPanel />}
      <div className="mt-4">
        <VideoStats chosen={status} onChoose={(next) => setUrl({ status: next ?? "", page: "" })} />
      </div>
      <Card className="mt-4">
        <div className="flex flex-wrap gap-2 border-line border-b px-4 py-2.5">
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
            onChange={(value) => setUrl({ status: value, page: "" })}
            options={[
              { value: "", label: t("allStatuses") },
              ...VIDEO_STATUSES.map((one) => ({ value: one, label: t(`statuses.${one}`) })),
            ]}
          />
        </div>
        {videos.isPending ? (
          <LoadingRows />
        ) : videos.isError ? (
          <ErrorState error={videos.error} onRetry={() => void videos.refetch()} />
        ) : videos.data.total === 0 ? (
          <EmptyState
            icon={Clapperboard}
            title={isFiltered ? t("noMatch") : t("empty")}
            action={isFiltered && <Button onClick={clearFilters}>{t("clearFilters")}</Button>}
          >
            {isFiltered ? undefined : t("emptyText")}
          </EmptyState>
        ) : (
          <>
            <VideoTable videos={videos.data.items} isStale={videos.isPlaceholderData} />
            <Pagination found={videos.data} onPage={(next) => setUrl({ page: String(next) })} />
          </>
        )}
      </Card>
    </>
  );
}
