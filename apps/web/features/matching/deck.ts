import type { Candidate, Decision } from "@/api/types";

/** Whose decision stands in the way of one's own. */
export type Taken = {
  photo_id: string;
  status: "unassigned" | "assigned" | "discarded";
  product_id: string | null;
  product: string | null;
  decided_by: string | null;
  decided_at: string | null;
};

/** The cards on the page and what the person has done with them; cards stay until the next refresh. */
export type Deck = {
  cards: Candidate[];
  /** What was decided since the cards came. */
  decisions: ReadonlyMap<string, Decision>;
  taken: ReadonlyMap<string, Taken>;
  selected: ReadonlySet<string>;
  /** Index of the card that the keyboard is at. */
  focus: number;
};

export const EMPTY: Deck = {
  cards: [],
  decisions: new Map(),
  taken: new Map(),
  selected: new Set(),
  focus: 0,
};

export const buildDeck = (cards: Candidate[]): Deck => ({ ...EMPTY, cards });

export const isOpen = (deck: Deck, id: string) => !deck.decisions.has(id) && !deck.taken.has(id);

export const countOpen = (deck: Deck) => deck.cards.filter((card) => isOpen(deck, card.id)).length;

export function moveFocus(deck: Deck, index: number): Deck {
  const focus = Math.max(0, Math.min(deck.cards.length - 1, index));
  return focus === deck.focus ? deck : { ...deck, focus };
}

/** Select a card or let go of it. One that is taken cannot be decided about, so it cannot be selected. */
export function toggle(deck: Deck, id: string): Deck {
  if (deck.taken.has(id)) return deck;
  const selected = new Set(deck.selected);
  if (!selected.delete(id)) selected.add(id);
  return { ...deck, selected };
}

/** Select every card that is still open. */
export function selectAll(deck: Deck): Deck {
  const open = deck.cards.filter((card) => isOpen(deck, card.id));
  return { ...deck, selected: new Set(open.map((card) => card.id)) };
}

/** Of the open cards, select those that are not. */
export function invert(deck: Deck): Deck {
  const open = deck.cards.filter((card) => isOpen(deck, card.id) && !deck.selected.has(card.id));
  return { ...deck, selected: new Set(open.map((card) => card.id)) };
}

export const clearSelection = (deck: Deck): Deck =>
  deck.selected.size === 0 ? deck : { ...deck, selected: new Set() };

/** What a decision is about: the selection, else the card that the keyboard is at. */
export function listTargets(deck: Deck): string[] {
  if (deck.selected.size > 0) return deck.cards.map((card) => card.id).filter((id) => deck.selected.has(id));
  const card = deck.cards[deck.focus];
  return card && !deck.taken.has(card.id) ? [card.id] : [];
}

/** Go on to the next open card, from the beginning if need be; stay where there is none. */
export function advance(deck: Deck): Deck {
  const n = deck.cards.length;
  for (let step = 0; step < n; step++) {
    const index = (deck.focus + step) % n;
    const card = deck.cards[index];
    if (card && isOpen(deck, card.id)) return { ...deck, focus: index };
  }
  return deck;
}

/** Write decisions over cards; null opens a card again. */
export function mark(deck: Deck, decisions: Iterable<readonly [string, Decision | null]>): Deck {
  const next = new Map(deck.decisions);
  for (const [id, decision] of decisions) {
    if (decision === null) next.delete(id);
    else next.set(id, decision);
  }
  return { ...deck, decisions: next };
}

export function markTaken(deck: Deck, conflicts: Taken[]): Deck {
  const taken = new Map(deck.taken);
  const decisions = new Map(deck.decisions);
  for (const conflict of conflicts) {
    taken.set(conflict.photo_id, conflict);
    decisions.delete(conflict.photo_id);
  }
  return { ...deck, taken, decisions };
}
