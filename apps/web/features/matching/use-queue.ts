"use client";

import { useInfiniteQuery } from "@tanstack/react-query";
import { fetchClient } from "@/api/client";
import type { ProductRow, QueueItem as QueueRow } from "@/api/types";

/** A product to be matched; one that a search found has not been counted. */
export type QueueItem = Omit<QueueRow, "n_candidates" | "expected_matches" | "best_similarity" | "status"> & {
  n_candidates: number | null;
};

type QueuePage = { items: QueueItem[]; next_cursor: string | null };

const LIMIT = 50;

async function listProducts(search: string, cursor?: string): Promise<QueuePage> {
  const { data } = await fetchClient.GET("/api/v1/products", {
    params: { query: { search, cursor, limit: LIMIT } },
  });
  const page = data as { items: ProductRow[]; next_cursor: string | null };
  const items = page.items.map((product) => ({ ...product, product_id: product.id, n_candidates: null }));
  return { items, next_cursor: page.next_cursor };
}

async function listQueue(cursor?: string): Promise<QueuePage> {
  const { data } = await fetchClient.GET("/api/v1/matching/queue", {
    params: { query: { cursor, limit: LIMIT } },
  });
  return data as QueuePage;
}

/** Products that need matching, those first that promise most; with a search, every product that it finds. */
export function useQueue(search: string) {
  const query = useInfiniteQuery({
    queryKey: ["get", search ? "/api/v1/products" : "/api/v1/matching/queue", { search }],
    queryFn: ({ pageParam: cursor }) => (search ? listProducts(search, cursor) : listQueue(cursor)),
    // The worker counts the queue anew every few seconds, and says nothing about it.
    refetchInterval: search ? false : 20_000,
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next_cursor ?? undefined,
  });
  return { ...query, items: query.data?.pages.flatMap((page) => page.items) ?? [] };
}

/** The product that a typed or scanned barcode, or a name, means most likely. */
export async function findProduct(search: string): Promise<string | null> {
  const { items } = await listProducts(search);
  return (items.find((item) => item.barcode === search) ?? items[0])?.product_id ?? null;
}
