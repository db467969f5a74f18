import { describe, expect, it, vi } from "vitest";
import type { Matching } from "@/api/matching";
import { ApiProblem } from "@/api/problem";
import type { Candidate, Decision } from "@/api/types";
import {
  advance,
  buildDeck,
  invert,
  listTargets,
  moveFocus,
  selectAll,
  toggle,
} from "@/features/matching/deck";
import { DeckStore } from "@/features/matching/deck-store";

const card = (id: string, ...more: string[]) => ({ id, photo_ids: [id, ...more] }) as Candidate;
const CARDS = [card("a"), card("b", "b2"), card("c"), card("d")];
const LOST = new ApiProblem(409, "LOCK_LOST", "ended");
const FILTERS = { threshold: 0.7, with_skipped: false };

/** A server that keeps decisions as the real one does: whole requests, and one product for a photo. */
class Server {
  decisions = new Map<string, Decision>();
  taken = new Set<string>();
  requests: string[] = [];
  refusal: ApiProblem | null = null;
  /** The refusal stands for an answer that did not arrive: the decision was granted. */
  isGranting = false;
  /** Cards do not come, so that the page goes on showing what the store has made of it. */
  isHoldingCards = false;

  api: Matching = {
    listCandidates: async () => {
      if (this.isHoldingCards) await new Promise(() => undefined);
      return CARDS.filter((one) => !this.decisions.has(one.id));
    },
    decide: async (decision, { candidate_ids }) => {
      this.requests.push(`${decision} ${candidate_ids.join(" ")}`);
      if (this.refusal && !this.isGranting) throw this.refusal;
      const conflicts = candidate_ids.filter((id) => decision === "approved" && this.taken.has(id));
      if (conflicts.length > 0) {
        const fields = { conflicts: conflicts.map((photo_id) => ({ photo_id, decided_by: "mehmet" })) };
        throw new ApiProblem(409, "PHOTO_TAKEN", "taken", fields);
      }
      for (const id of candidate_ids) {
        if (decision === "undone") this.decisions.delete(id);
        else this.decisions.set(id, decision);
      }
      if (this.refusal) throw this.refusal;
      return { photo_ids: candidate_ids, real_count: 0, status: "needs_matching" };
    },
  };
}

async function open(server = new Server(), token: number | null = 7) {
  const listener = { onDecided: vi.fn(), onTaken: vi.fn(), onRefused: vi.fn() };
  const store = new DeckStore("p1", server.api, () => token, listener);
  await store.load(FILTERS);
  const shown = () => Object.fromEntries(store.getSnapshot().deck.decisions);
  return { server, store, listener, shown, deck: () => store.getSnapshot().deck };
}

describe("deck", () => {
  it("acts on the selection, else on the card in focus", () => {
    const deck = moveFocus(buildDeck(CARDS), 2);
    expect(listTargets(deck)).toEqual(["c"]);
    expect(listTargets(toggle(toggle(deck, "d"), "a"))).toEqual(["a", "d"]);
  });

  it("selects and inverts only what is undecided", () => {
    const deck = { ...buildDeck(CARDS), decisions: new Map([["b", "approved" as const]]) };
    expect([...selectAll(deck).selected]).toEqual(["a", "c", "d"]);
    expect([...invert(toggle(deck, "a")).selected]).toEqual(["c", "d"]);
  });

  it("goes on to the next open card, around the end, and stays when there is none", () => {
    const decided = (...ids: string[]) => new Map(ids.map((id) => [id, "rejected" as const]));
    const deck = { ...buildDeck(CARDS), focus: 3, decisions: decided("d", "a") };
    expect(advance(deck).focus).toBe(1);
    expect(advance({ ...deck, decisions: decided("a", "b", "c", "d") }).focus).toBe(3);
  });

  it("keeps the focus within the cards", () => {
    expect(moveFocus(buildDeck(CARDS), 99).focus).toBe(3);
    expect(moveFocus(buildDeck(CARDS), -5).focus).toBe(0);
  });
});

describe("DeckStore", () => {
  it("shows a decision at once, sends it, and moves on", async () => {
    const { server, store, shown, deck } = await open();
    store.decide("approved");
    expect(shown()).toEqual({ a: "approved" });
    expect(deck().focus).toBe(1);
    await store.settled();
    expect(server.requests).toEqual(["approved a"]);
  });

  it("sends decisions in the order in which they were made", async () => {
    const { server, store } = await open();
    store.decide("approved");
    store.decide("rejected");
    store.undo();
    store.decide("skipped");
    await store.settled();
    expect(server.requests).toEqual(["approved a", "rejected b", "undone b b2", "skipped b"]);
    expect(Object.fromEntries(server.decisions)).toEqual({ a: "approved", b: "skipped" });
  });

  it("undoes batch after batch, near-duplicates included", async () => {
    const { server, store, shown } = await open();
    store.edit(selectAll);
    store.decide("approved");
    store.decide("rejected"); // one approved by mistake
    await store.settled();
    store.undo();
    store.undo();
    await store.settled();
    expect(shown()).toEqual({});
    expect(server.decisions.size).toBe(0);
    expect(store.getSnapshot().canUndo).toBe(false);
  });

  it("brings back what was decided before when a change of mind is undone", async () => {
    const { server, store, shown } = await open();
    store.decide("skipped");
    store.edit((deck) => moveFocus(deck, 0));
    store.decide("approved");
    await store.settled();
    store.undo();
    await store.settled();
    expect(shown()).toEqual({ a: "skipped" });
    expect(server.decisions.get("a")).toBe("skipped");
  });

  it("marks photos that somebody else had first, and decides about the others all the same", async () => {
    const { server, store, listener, shown, deck } = await open();
    server.taken.add("b");
    store.edit(selectAll);
    store.decide("approved");
    await store.settled();
    expect(shown()).toEqual({ a: "approved", c: "approved", d: "approved" });
    expect(deck().taken.get("b")?.decided_by).toBe("mehmet");
    expect(listener.onTaken).toHaveBeenCalledWith([expect.objectContaining({ photo_id: "b" })], 3);
    expect(listener.onRefused).not.toHaveBeenCalled();
  });

  it("takes back on the page what was refused, and what was decided after it", async () => {
    const { server, store, listener, shown } = await open();
    server.refusal = LOST;
    server.isHoldingCards = true;
    store.decide("approved");
    store.decide("rejected");
    await store.settled();
    expect(shown()).toEqual({});
    expect(server.requests).toEqual(["approved a"]);
    expect(listener.onRefused).toHaveBeenCalledTimes(1);
    expect(store.getSnapshot().canUndo).toBe(false);
  });

  it("leaves a card open whose approval was refused after it had been undone", async () => {
    const { server, store, shown } = await open();
    server.refusal = LOST;
    server.isHoldingCards = true;
    store.decide("approved");
    store.undo();
    await store.settled();
    expect(shown()).toEqual({});
    expect(store.getSnapshot()).toMatchObject({ canUndo: false, sendingCount: 0 });
  });

  it("leaves a card open whose approval was refused after the mind had changed", async () => {
    const { server, store, shown } = await open();
    server.refusal = LOST;
    server.isHoldingCards = true;
    store.decide("approved");
    store.edit((deck) => moveFocus(deck, 0));
    store.decide("rejected");
    await store.settled();
    expect(shown()).toEqual({});
  });

  it.each([
    new ApiProblem(0, "UNREACHABLE", ""),
    new ApiProblem(503, "UNAVAILABLE", ""),
    new ApiProblem(409, "RESOURCE_LOCKED", ""),
  ])("asks after $code what has become of the cards: the answer alone may be lost", async (refusal) => {
    const { server, store, deck } = await open();
    Object.assign(server, { refusal, isGranting: true });
    store.decide("approved");
    await vi.waitFor(() => expect(deck().cards.map((one) => one.id)).toEqual(["b", "c", "d"]));
    expect(store.getSnapshot().phase).toBe("ready");
  });

  it("keeps the decision, and the way to undo it, when undoing is refused", async () => {
    const { server, store, shown } = await open();
    store.decide("approved");
    await store.settled();
    server.refusal = new ApiProblem(0, "UNREACHABLE", "");
    server.isHoldingCards = true;
    store.undo();
    expect(shown()).toEqual({});
    await store.settled();
    expect(shown()).toEqual({ a: "approved" });
    expect(store.getSnapshot().canUndo).toBe(true);
  });

  it("decides nothing without the lock", async () => {
    const { server, store, shown } = await open(new Server(), null);
    store.decide("approved");
    await store.settled();
    expect(shown()).toEqual({});
    expect(server.requests).toEqual([]);
  });

  it("still undoes after a refresh, and brings the card back", async () => {
    const { store, deck } = await open();
    store.decide("approved");
    await store.settled();
    await store.reload();
    expect(deck().cards.map((one) => one.id)).toEqual(["b", "c", "d"]);
    store.undo();
    await store.settled();
    await vi.waitFor(() => expect(deck().cards.length).toBe(4));
  });
});
