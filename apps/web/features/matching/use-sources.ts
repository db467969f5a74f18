"use client";

import { $api } from "@/api/client";

/** Where open photos come from, those with most of them first. */
export function useSources(): string[] {
  const facets = $api.useQuery("get", "/api/v1/real-images/facets", {
    params: { query: { status: "unassigned" } },
  });
  return facets.data?.sources.map(({ value }) => value) ?? [];
}
