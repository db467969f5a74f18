"use client";

import { usePathname } from "next/navigation";

/** The id at the end of `/products/{id}`. The exported page is one file for all ids, so useParams() knows none. */
export function useRouteId(): string {
  return decodeURIComponent(usePathname().split("/").filter(Boolean).at(-1) ?? "");
}
