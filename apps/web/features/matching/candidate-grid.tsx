"use client";

import { VirtualGrid } from "@/components/ui/virtual-grid";
import { CARD_FOOTER_PX, CandidateCard } from "./candidate-card";
import { moveFocus, toggle } from "./deck";
import type { DeckState, DeckStore } from "./deck-store";

type Props = {
  store: DeckStore;
  state: DeckState;
  label: string;
  onColumns: (count: number) => void;
  onZoom: (isOpen: boolean) => void;
};

export function CandidateGrid({ store, state: { deck }, label, onColumns, onZoom }: Props) {
  return (
    <VirtualGrid
      kind="grid"
      count={deck.cards.length}
      label={label}
      minTile_px={150}
      footer_px={CARD_FOOTER_PX}
      focus={deck.focus}
      onColumns={onColumns}
      className="min-h-0 flex-1"
    >
      {(index, cell) => {
        const card = deck.cards[index];
        if (!card) return null;
        return (
          <CandidateCard
            key={card.id}
            card={card}
            decision={deck.decisions.get(card.id) ?? null}
            taken={deck.taken.get(card.id) ?? null}
            isSelected={deck.selected.has(card.id)}
            hasFocus={index === deck.focus}
            cell={cell}
            onToggle={() => store.edit((now) => toggle(moveFocus(now, index), card.id))}
            onZoom={() => {
              store.edit((now) => moveFocus(now, index));
              onZoom(true);
            }}
          />
        );
      }}
    </VirtualGrid>
  );
}
