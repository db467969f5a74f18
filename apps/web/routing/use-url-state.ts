"use client";

import { usePathname, useSearchParams } from "next/navigation";
import { useCallback } from "react";

/** Filters, sorting and page of a list, kept in the address so that a link, a reload and "back" show the same list. */
export function useUrlState<K extends string>(keys: readonly K[]) {
  const search = useSearchParams();
  const pathname = usePathname();
  const values = Object.fromEntries(keys.map((key) => [key, search.get(key) ?? ""])) as Record<K, string>;

  const setValues = useCallback(
    (change: Partial<Record<K, string>>) => {
      const next = new URLSearchParams(window.location.search);
      for (const [key, value] of Object.entries<string | undefined>(change)) {
        if (value) next.set(key, value);
        else next.delete(key);
      }
      const query = next.toString();
      window.history.replaceState(null, "", query ? `${pathname}?${query}` : pathname);
    },
    [pathname],
  );
  return [values, setValues] as const;
}

/** A value out of the address, if it is one of those that exist. */
export const findChoice = <T extends string>(choices: readonly T[], value: string): T | undefined =>
  choices.find((one) => one === value);

export const readPage = (value: string) => Math.max(1, Number.parseInt(value, 10) || 1);
