"use client";

import { useInfiniteQuery } from "@tanstack/react-query";
import { fetchClient } from "@/api/client";
import type { ProductRow } from "@/api/types";

/** A product to be matched, as the queue shows it. */
export type QueueItem = Pick<
  ProductRow,
  "brand_name" | "product_name" | "variant_flavor" | "barcode" | "status" | "thumbnail_url" | "real_count"
> & { product_id: string; n_candidates: number | null };

type QueuePage = { items: QueueItem[]; next_cursor: string | null };

const LIMIT = 50;

const toItem = (product: ProductRow): QueueItem => ({
  ...product,
  product_id: product.id,
  n_candidates: null,
});

async function listProducts(query: { search?: string; status?: "needs_matching"; cursor?: string }) {
  const { data } = await fetchClient.GET("/api/v1/products", {
    params: { query: { ...query, limit: LIMIT } },
  });
  const page = data as { items: ProductRow[]; next_cursor: string | null };
  return { items: page.items.map(toItem), next_cursor: page.next_cursor };
}

const listQueue = (cursor?: string): Promise<QueuePage> => listProducts({ status: "needs_matching", cursor });

/** Products that need matching; with a search, every product that it finds. */
export function useQueue(search: string) {
  const query = useInfiniteQuery({
    queryKey: ["get", search ? "/api/v1/products" : "/api/v1/matching/queue", { search }],
    queryFn: ({ pageParam: cursor }) => (search ? listProducts({ search, cursor }) : listQueue(cursor)),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next_cursor ?? undefined,
  });
  return { ...query, items: query.data?.pages.flatMap((page) => page.items) ?? [] };
}

/** The product that a typed or scanned barcode, or a name, means most likely. */
export async function findProduct(search: string): Promise<string | null> {
  const { items } = await listProducts({ search });
  return (items.find((item) => item.barcode === search) ?? items[0])?.product_id ?? null;
}
