import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { MatchingLock } from "@/api/locks";
import type { Matching } from "@/api/matching";
import { ApiProblem } from "@/api/problem";
import type { Candidate, Decided, Lock } from "@/api/types";
import { DeckStore } from "@/features/matching/deck-store";
import { holdLock } from "@/features/matching/hold-lock";
import { LockKeeper } from "@/features/matching/lock-keeper";
import { SendingCount } from "@/features/matching/sending";

const DECIDED: Decided = { photo_ids: ["a"], real_count: 1, status: "ready" };
const LOCK = { user: { id: "u", username: "me" }, expires_in_s: 300, is_mine: true, token: 5 } as Lock;

/** Answers a decision only when it is told to. */
class SlowServer {
  private waiting: { grant: () => void; refuse: () => void }[] = [];

  api: Matching = {
    listCandidates: async () => ["a", "b"].map((id) => ({ id, photo_ids: [id] }) as Candidate),
    decide: () =>
      new Promise((resolve, reject) => {
        const refuse = () => reject(new ApiProblem(0, "UNREACHABLE", ""));
        this.waiting.push({ grant: () => resolve(DECIDED), refuse });
      }),
  };

  async answer(how: "grant" | "refuse") {
    await vi.waitFor(() => expect(this.waiting).toHaveLength(1));
    this.waiting.shift()?.[how]();
  }
}

async function openDeck(server: SlowServer, count = new SendingCount()) {
  const listener = { onDecided: vi.fn(), onTaken: vi.fn(), onRefused: vi.fn() };
  const store = new DeckStore("p1", server.api, () => 5, listener, count);
  await store.load({ threshold: 0.7, with_skipped: false });
  return store;
}

describe("SendingCount", () => {
  it("counts what travels of all products together, until it was answered or taken back", async () => {
    const count = new SendingCount();
    const heard = vi.fn(() => count.getSnapshot());
    count.subscribe(heard);
    const [left, shown] = [new SlowServer(), new SlowServer()];
    const stores = [await openDeck(left, count), await openDeck(shown, count)];
    for (const store of stores) {
      store.decide("approved");
      store.decide("rejected");
    }
    expect(heard).toHaveLastReturnedWith(4);
    await shown.answer("refuse"); // one, and the one behind it
    await stores[1]?.settled();
    expect(heard).toHaveLastReturnedWith(2);
    await left.answer("grant");
    await left.answer("grant");
    await stores[0]?.settled();
    expect(heard).toHaveLastReturnedWith(0);
  });
});

describe("holdLock", () => {
  const api = {
    take: vi.fn(async () => ({ acquired: true, lock: LOCK })),
    look: vi.fn(),
    release: vi.fn(async () => undefined),
    releaseByBeacon: vi.fn(),
  } satisfies MatchingLock;
  beforeEach(() => {
    vi.clearAllMocks();
    vi.stubGlobal("window", new EventTarget());
    vi.stubGlobal("document", Object.assign(new EventTarget(), { hidden: false }));
  });
  afterEach(() => vi.unstubAllGlobals());

  async function leaveWhileSending() {
    const server = new SlowServer();
    const store = await openDeck(server);
    const leave = holdLock(new LockKeeper("p1", api, { isTaker: true }), store);
    store.decide("approved");
    return { server, left: leave() };
  }

  it("gives the lock back once the last decision was answered, and hears of the page no more", async () => {
    const { server, left } = await leaveWhileSending();
    expect(api.release).not.toHaveBeenCalled();
    await server.answer("grant");
    await left;
    expect(api.release).toHaveBeenCalledTimes(1);
    window.dispatchEvent(new Event("pagehide"));
    expect(api.releaseByBeacon).not.toHaveBeenCalled();
  });

  it("gives it back at once when the page closes before that", async () => {
    const { server, left } = await leaveWhileSending();
    window.dispatchEvent(new Event("pagehide"));
    expect(api.releaseByBeacon).toHaveBeenCalledWith("p1");
    await server.answer("grant");
    await left;
  });
});
