import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { MatchingLock } from "@/api/locks";
import type { Lock, LockAnswer } from "@/api/types";
import { LockKeeper } from "@/features/matching/lock-keeper";

const CHANGE = { id: "p1", resource_type: "matching" as const, user: null };
const lock = (is_mine: boolean, token: number | null = null) =>
  ({
    user: { id: "u", username: is_mine ? "me" : "mehmet" },
    expires_in_s: 300,
    is_mine,
    token,
  }) as Lock;

describe("LockKeeper", () => {
  let answer: LockAnswer;
  const api = {
    take: vi.fn(async () => answer),
    look: vi.fn(async () => answer),
    release: vi.fn(async () => undefined),
    releaseByBeacon: vi.fn(),
  } satisfies MatchingLock;
  let isVisible = true;
  const onRetaken = vi.fn();
  const build = (isTaker = true) =>
    new LockKeeper("p1", api, { isTaker, isVisible: () => isVisible, onRetaken });
  const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

  beforeEach(() => {
    vi.useFakeTimers();
    vi.clearAllMocks();
    isVisible = true;
    answer = { acquired: true, lock: lock(true, 5) };
  });
  afterEach(() => vi.useRealTimers());

  it("takes the lock, renews it well before it ends, and gives it back", async () => {
    const keeper = build();
    keeper.start();
    await pass(0);
    expect(keeper.token).toBe(5);
    await pass(100_000);
    expect(api.take).toHaveBeenCalledTimes(2);
    await keeper.stop();
    expect(api.release).toHaveBeenCalledTimes(1);
    await pass(400_000);
    expect(api.take).toHaveBeenCalledTimes(2);
  });

  it("lets the lock lapse while nobody looks, and says so when others may have decided meanwhile", async () => {
    const keeper = build();
    keeper.start();
    await pass(0);
    isVisible = false;
    await pass(400_000);
    expect(api.take).toHaveBeenCalledTimes(1);
    expect(keeper.token).toBeNull();
    isVisible = true;
    answer = { acquired: true, lock: lock(true, 9) };
    keeper.onVisible();
    await pass(0);
    expect(keeper.token).toBe(9);
    expect(onRetaken).toHaveBeenCalledTimes(1);
    await keeper.stop();
  });

  it("waits while somebody else has it, and takes it as soon as it is free", async () => {
    answer = { acquired: false, lock: lock(false) };
    const keeper = build();
    keeper.start();
    await pass(0);
    expect(keeper.getSnapshot().kind).toBe("theirs");
    expect(keeper.token).toBeNull();
    answer = { acquired: true, lock: lock(true, 6) };
    keeper.onEvent({ ...CHANGE, change: "released" });
    await pass(0);
    expect(keeper.token).toBe(6);
    await keeper.stop();
  });

  it("takes it by itself when no event comes", async () => {
    answer = { acquired: false, lock: lock(false) };
    const keeper = build();
    keeper.start();
    await pass(0);
    answer = { acquired: true, lock: lock(true, 6) };
    await pass(80_000);
    expect(keeper.token).toBe(6);
    await keeper.stop();
  });

  it("does not take back at once what an admin has freed", async () => {
    const keeper = build();
    keeper.start();
    await pass(0);
    keeper.onEvent({ ...CHANGE, change: "broken" });
    await pass(200_000);
    expect(keeper.getSnapshot().kind).toBe("broken");
    expect(api.take).toHaveBeenCalledTimes(1);
    await keeper.ask();
    expect(keeper.token).toBe(5);
    await keeper.stop();
  });

  it("takes nothing for a viewer, and has nothing to give back", async () => {
    answer = { acquired: false, lock: null };
    const keeper = build(false);
    keeper.start();
    await pass(0);
    expect(keeper.getSnapshot().kind).toBe("free");
    await keeper.stop();
    keeper.close();
    expect(api.take).not.toHaveBeenCalled();
    expect(api.release).not.toHaveBeenCalled();
    expect(api.releaseByBeacon).not.toHaveBeenCalled();
  });

  it("keeps the lock when the product is opened again before it was given back", async () => {
    const first = build();
    first.start();
    await pass(0);
    const second = build();
    second.start();
    await first.stop();
    expect(api.release).not.toHaveBeenCalled();
    expect(second.token).toBe(5);
    await second.stop();
  });
});
