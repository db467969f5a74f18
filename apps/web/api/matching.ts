import { fetchClient } from "./client";
import type { Candidate, Decided, Decision } from "./types";

export type CandidateFilters = { threshold: number; source?: string; with_skipped: boolean };
export type DecisionRequest = {
  product_id: string;
  candidate_ids: string[];
  threshold: number;
  lock_token: number;
};

/** Cards that one answer brings; what is further down comes up after a refresh. */
const MOST_CARDS = 100;
const PATHS = {
  approved: "/api/v1/matching/approve",
  rejected: "/api/v1/matching/reject",
  skipped: "/api/v1/matching/skip",
  undone: "/api/v1/matching/undo",
} as const satisfies Record<Decision | "undone", string>;

async function listCandidates(product_id: string, filters: CandidateFilters, signal?: AbortSignal) {
  const { data } = await fetchClient.GET("/api/v1/matching/candidates/{product_id}", {
    params: { path: { product_id }, query: { ...filters, limit: MOST_CARDS } },
    signal,
  });
  return data as Candidate[];
}

async function decide(decision: Decision | "undone", { lock_token, ...body }: DecisionRequest) {
  const { data } = await fetchClient.POST(PATHS[decision], {
    params: { header: { "Lock-Token": lock_token } },
    body,
  });
  return data as Decided;
}

export const matching = { listCandidates, decide };
export type Matching = typeof matching;
