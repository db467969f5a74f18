"use client";

import { Images, RotateCw } from "lucide-react";
import { useCallback, useMemo } from "react";
import { useTranslations } from "use-intl";
import { PHOTO_STATUSES } from "@/api/types";
import { PageHeader } from "@/components/shell/page-header";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { EmptyState, ErrorState, Skeleton } from "@/components/ui/states";
import { VirtualGrid } from "@/components/ui/virtual-grid";
import { useIsOperator } from "@/features/accounts/use-is-operator";
import { findChoice, useUrlState } from "@/routing/use-url-state";
import { PhotoDialog } from "./photo-dialog";
import { PhotoFilterBar } from "./photo-filter-bar";
import { PhotoTile, TILE_FOOTER_PX } from "./photo-tile";
import { PhotoUploadPanel } from "./upload-panel";
import { usePhotos } from "./use-photos";

export function PhotosPage() {
  const t = useTranslations("photos");
  const isOperator = useIsOperator();
  const [url, setUrl] = useUrlState(["status", "source", "search", "group", "photo"]);
  const status = findChoice(PHOTO_STATUSES, url.status);
  const pool = usePhotos({
    status,
    source: url.source || undefined,
    search: url.search || undefined,
    group: url.group || undefined,
  });
  const { photos, first, hasNextPage, isFetchingNextPage, fetchNextPage } = pool;
  const isFiltered = Boolean(status || url.source || url.search || url.group);
  const loadMore = useCallback(() => {
    if (hasNextPage && !isFetchingNextPage) void fetchNextPage();
  }, [hasNextPage, isFetchingNextPage, fetchNextPage]);

  // The first photo of a group carries the group's id; that it has company shows once another of it is here.
  const joined = useMemo(
    () => new Set(photos.filter((photo) => photo.group_id !== photo.id).map((photo) => photo.group_id)),
    [photos],
  );
  const clear = () => setUrl({ status: "", source: "", search: "", group: "" });

  return (
    <div className="flex h-[calc(100vh-5.75rem)] min-h-160 flex-col">
      <PageHeader title={t("title")} description={t("description")}>
        {pool.hasNews && (
          <Button variant="primary" onClick={() => void pool.refresh()}>
            <RotateCw aria-hidden /> {t("news")}
          </Button>
        )}
      </PageHeader>
      {isOperator && <PhotoUploadPanel />}
      <Card className="flex min-h-0 flex-1 flex-col">
        <PhotoFilterBar url={url} status={status} found={first} onUrl={setUrl} onClear={clear} />
        {pool.isPending ? (
          <LoadingTiles />
        ) : pool.isError && photos.length === 0 ? (
          <ErrorState error={pool.error} onRetry={() => void pool.refetch()} />
        ) : photos.length === 0 ? (
          <EmptyState
            icon={Images}
            title={isFiltered ? t("noMatch") : t("empty")}
            action={isFiltered && <Button onClick={clear}>{t("clearFilters")}</Button>}
          >
            {isFiltered ? undefined : t("emptyText")}
          </EmptyState>
        ) : (
          <VirtualGrid
            kind="list"
            count={photos.length}
            label={t("grid")}
            minTile_px={150}
            footer_px={TILE_FOOTER_PX}
            onEnd={loadMore}
            className="min-h-0 flex-1"
          >
            {(index, cell) => {
              const photo = photos[index];
              return (
                photo && (
                  <PhotoTile
                    key={photo.id}
                    photo={photo}
                    hasDuplicates={photo.group_id !== photo.id || joined.has(photo.id)}
                    cell={cell}
                    onOpen={() => setUrl({ photo: photo.id })}
                  />
                )
              );
            }}
          </VirtualGrid>
        )}
      </Card>
      <PhotoDialog
        id={url.photo}
        photos={photos}
        onOpen={(photo) => setUrl({ photo })}
        onGroup={(group) => setUrl({ group, photo: "", status: "", source: "", search: "" })}
      />
    </div>
  );
}

function LoadingTiles() {
  const t = useTranslations("common");
  return (
    <div
      role="status"
      className="grid min-h-0 flex-1 grid-cols-[repeat(auto-fill,minmax(9.5rem,1fr))] content-start gap-2.5 overflow-hidden p-3"
    >
      <span className="sr-only">{t("loading")}</span>
      {Array.from({ length: 18 }, (_, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the tiles have no identity
        <Skeleton key={index} className="h-48" />
      ))}
    </div>
  );
}
