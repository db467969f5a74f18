"use client";

import { useInfiniteQuery } from "@tanstack/react-query";
import { useEffect, useMemo, useRef, useState } from "react";
import { fetchClient } from "@/api/client";
import type { Photo, PhotoStatus } from "@/api/types";
import { useOnLive } from "@/components/shell/live-provider";

export type PhotoFilters = { status?: PhotoStatus; source?: string; search?: string; group?: string };
type PhotoPage = { items: Photo[]; total: number; is_total_exact: boolean; next_cursor: string | null };

const LIMIT = 100;
const GATHER_MS = 1500;
/** Up to so many pages are asked for anew by themselves when photos change; further down a person decides. */
const MOST_FRESH_PAGES = 3;

async function listPhotos(filters: PhotoFilters, cursor: string | undefined, signal: AbortSignal) {
  const { data } = await fetchClient.GET("/api/v1/real-images", {
    params: { query: { ...filters, cursor, limit: LIMIT } },
    signal,
  });
  return data as PhotoPage;
}

/** The pool, page after page. Events do not reload what was scrolled through far: `hasNews` says that it is old. */
export function usePhotos(filters: PhotoFilters) {
  const query = useInfiniteQuery({
    queryKey: ["get", "photo-pages", filters],
    queryFn: ({ pageParam, signal }) => listPhotos(filters, pageParam, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next_cursor ?? undefined,
  });
  const [hasNews, setHasNews] = useState(false);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const pageCount = query.data?.pages.length ?? 0;
  useEffect(() => () => clearTimeout(timer.current), []);

  function refresh() {
    clearTimeout(timer.current);
    timer.current = undefined;
    setHasNews(false);
    return query.refetch();
  }
  useOnLive((event) => {
    if (event.kind !== "photo" && event.kind !== "matching") return;
    if (pageCount > MOST_FRESH_PAGES) setHasNews(true);
    else timer.current ??= setTimeout(() => void refresh(), GATHER_MS);
  });

  const photos = useMemo(() => query.data?.pages.flatMap((page) => page.items) ?? [], [query.data]);
  return { ...query, photos, first: query.data?.pages[0], hasNews, refresh };
}
