"use client";

import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState, useSyncExternalStore } from "react";
import { toast } from "sonner";
import { useTranslations } from "use-intl";
import { $api } from "@/api/client";
import { matchingLock } from "@/api/locks";
import { type CandidateFilters, matching } from "@/api/matching";
import type { ApiProblem } from "@/api/problem";
import type { Decided, Lock, Product, User } from "@/api/types";
import { useOnLive } from "@/components/shell/live-provider";
import { useProblemText } from "@/components/ui/problem-text";
import type { Taken } from "./deck";
import { DeckStore } from "./deck-store";
import { holdLock } from "./hold-lock";
import { LockKeeper } from "./lock-keeper";

export type Desk = { keeper: LockKeeper; store: DeckStore };

/** What happens to decisions, in words and in the product that is shown beside them. */
function useDeskListener(productId: string) {
  const t = useTranslations("matching");
  const problemText = useProblemText();
  const client = useQueryClient();
  const product = $api.queryOptions("get", "/api/v1/products/{product_id}", {
    params: { path: { product_id: productId } },
  });
  return {
    onDecided({ real_count, status }: Decided) {
      client.setQueryData<Product>(
        product.queryKey,
        (before) => before && { ...before, real_count, status: status as Product["status"] },
      );
    },
    onTaken(conflicts: Taken[], keptCount: number) {
      const by = [...new Set(conflicts.map((one) => one.decided_by).filter(Boolean))].join(", ");
      toast.error(t("takenTitle", { count: conflicts.length }), {
        description: t("takenText", { name: by || "–", kept: keptCount }),
      });
    },
    onRefused(problem: ApiProblem, keeper: LockKeeper) {
      if (problem.code === "RESOURCE_LOCKED") keeper.showTheirs(problem.fields.lock as Lock);
      else if (problem.code === "LOCK_LOST") void keeper.ask();
      const isLock = problem.code === "RESOURCE_LOCKED" || problem.code === "LOCK_LOST";
      toast.error(t("refused"), { description: isLock ? t("lockLost") : problemText(problem) });
    },
  };
}

/** Open a product for matching: its lock and its cards, for as long as it is on the page. */
export function useDesk(productId: string, me: User, filters: CandidateFilters): Desk | null {
  const [desk, setDesk] = useState<Desk | null>(null);
  const listener = useRef(useDeskListener(productId));
  listener.current = useDeskListener(productId);
  const isTaker = me.role !== "viewer";

  useEffect(() => {
    const keeper = new LockKeeper(productId, matchingLock, {
      isTaker,
      isVisible: () => !document.hidden,
      onRetaken: () => void store.reload(),
    });
    const store: DeckStore = new DeckStore(productId, matching, () => keeper.token, {
      onDecided: (decided) => listener.current.onDecided(decided),
      onTaken: (conflicts, keptCount) => listener.current.onTaken(conflicts, keptCount),
      onRefused: (problem) => listener.current.onRefused(problem, keeper),
    });
    const leave = holdLock(keeper, store);
    setDesk({ keeper, store });
    return () => void leave();
  }, [productId, isTaker]);

  const { threshold, source, with_skipped } = filters;
  useEffect(() => {
    if (desk) void desk.store.load({ threshold, source, with_skipped });
  }, [desk, threshold, source, with_skipped]);

  useOnLive((event) => {
    if (event.kind === "lock" && event.data.resource_type === "matching" && event.data.id === productId)
      desk?.keeper.onEvent(event.data);
    else if (event.kind === "photo") desk?.store.markNews();
    else if (event.kind === "matching" && event.data.id === productId && event.data.by !== me.username)
      desk?.store.markNews();
    else if (event.kind === "resync") desk?.keeper.onVisible();
  });
  return desk;
}

export function useLockState(keeper: LockKeeper) {
  return useSyncExternalStore(keeper.subscribe, keeper.getSnapshot);
}

export function useDeckState(store: DeckStore) {
  return useSyncExternalStore(store.subscribe, store.getSnapshot);
}
