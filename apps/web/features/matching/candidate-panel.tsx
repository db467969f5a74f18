"use client";

import { CircleCheckBig, ImageOff } from "lucide-react";
import { useTranslations } from "use-intl";
import { Button } from "@/components/ui/button";
import { Kbd } from "@/components/ui/kbd";
import { EmptyState, ErrorState, Skeleton } from "@/components/ui/states";
import { CandidateGrid } from "./candidate-grid";
import { countOpen } from "./deck";
import type { DeckState, DeckStore } from "./deck-store";

type Props = {
  store: DeckStore;
  state: DeckState;
  onColumns: (count: number) => void;
  onZoom: (isOpen: boolean) => void;
  onNext: () => void;
  onLower: () => void;
};

export function CandidatePanel({ store, state, onColumns, onZoom, onNext, onLower }: Props) {
  const t = useTranslations("matching");
  const { phase, deck } = state;
  if (phase === "loading") return <LoadingCards />;
  if (phase === "failed") return <ErrorState error={state.error} onRetry={() => void store.reload()} />;
  if (deck.cards.length === 0) {
    return (
      <div className="grid min-h-0 flex-1 place-items-center">
        <EmptyState
          icon={ImageOff}
          title={t("noCandidates")}
          action={
            <>
              <Button onClick={onLower}>{t("lower")}</Button>
              <Button variant="primary" onClick={onNext}>
                {t("next")} <Kbd>N</Kbd>
              </Button>
            </>
          }
        >
          {t("noCandidatesText")}
        </EmptyState>
      </div>
    );
  }
  const openCount = countOpen(deck);
  return (
    <>
      <div
        role="status"
        className="flex min-h-9 items-center gap-3 border-line border-b px-4 py-1 text-ink-soft text-xs"
      >
        {openCount > 0 ? (
          <p className="flex-1 tabular-nums">
            {t("openCount", { open: openCount, all: deck.cards.length })}
            {deck.selected.size > 0 && ` · ${t("selectedCount", { count: deck.selected.size })}`}
          </p>
        ) : (
          <>
            <p className="flex flex-1 items-center gap-1.5 font-medium text-green-text">
              <CircleCheckBig className="size-4" aria-hidden /> {t("allDecided")}
            </p>
            <Button size="sm" variant="primary" onClick={onNext}>
              {t("next")} <Kbd>N</Kbd>
            </Button>
          </>
        )}
      </div>
      <CandidateGrid
        store={store}
        state={state}
        label={t("candidates")}
        onColumns={onColumns}
        onZoom={onZoom}
      />
    </>
  );
}

function LoadingCards() {
  const t = useTranslations("common");
  return (
    <div
      role="status"
      className="grid min-h-0 flex-1 grid-cols-[repeat(auto-fill,minmax(9.5rem,1fr))] content-start gap-2.5 overflow-hidden p-3"
    >
      <span className="sr-only">{t("loading")}</span>
      {Array.from({ length: 12 }, (_, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the cards have no identity
        <Skeleton key={index} className="h-52" />
      ))}
    </div>
  );
}
