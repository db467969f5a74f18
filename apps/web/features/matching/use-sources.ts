"use client";

import { useRef } from "react";
import type { Candidate } from "@/api/types";

/** Sources that cards have come from, also those that a filter hides now. */
export function useSources(cards: Candidate[]): string[] {
  const known = useRef(new Set<string>());
  for (const card of cards) known.current.add(card.source);
  return [...known.current].sort();
}
