import type { LockChange } from "@/api/events";
import type { MatchingLock } from "@/api/locks";
import { toProblem } from "@/api/problem";
import type { Lock, LockAnswer } from "@/api/types";

export type LockState =
  | { kind: "asking" | "free" | "broken" }
  /** `until_ms` by performance.now(): how long it lasts is the server's word, not a time of day. */
  | { kind: "mine" | "theirs"; lock: Lock; until_ms: number }
  | { kind: "failed"; error: unknown };

/** The server gives five minutes. */
const RENEW_AFTER_MS = 75_000;
const ASK_AGAIN_MS = 10_000;

type Options = {
  /** False for a viewer, who sees who holds it and takes nothing. */
  isTaker: boolean;
  isVisible?: () => boolean;
  /** The lock had ended meanwhile and was taken anew: others may have decided. */
  onRetaken?: () => void;
};

/**
 * Holds the matching lock of one product for this tab: takes it, renews it while the tab is seen, waits while somebody
 * else has it, and gives it back.
 */
export class LockKeeper {
  /** One request of this tab at a time, in order: a late release must not undo a newer acquisition. */
  private static tail: Promise<unknown> = Promise.resolve();
  /** Who holds for a product now; a keeper that was replaced gives nothing back. */
  private static current = new Map<string, LockKeeper>();

  private state: LockState = { kind: "asking" };
  private listeners = new Set<() => void>();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private isRunning = false;
  private lastToken: number | null = null;

  constructor(
    private readonly productId: string,
    private readonly api: MatchingLock,
    private readonly options: Options,
  ) {}

  getSnapshot = () => this.state;

  subscribe = (listener: () => void) => {
    this.listeners.add(listener);
    return () => {
      this.listeners.delete(listener);
    };
  };

  /** The fencing token to decide with; null while the lock is not one's own. */
  get token(): number | null {
    return this.state.kind === "mine" ? this.state.lock.token : null;
  }

  start() {
    this.isRunning = true;
    LockKeeper.current.set(this.productId, this);
    void this.ask();
  }

  /** Give the lock back and ask for nothing more. */
  stop(): Promise<void> {
    this.halt();
    return this.inTurn(async () => {
      if (LockKeeper.current.get(this.productId) !== this) return;
      LockKeeper.current.delete(this.productId);
      // A release that does not arrive is no fault: the lock lapses by itself.
      if (this.options.isTaker) await this.api.release(this.productId).catch(() => undefined);
    });
  }

  /** The page closes: the same without waiting for anything. */
  close() {
    this.halt();
    if (this.options.isTaker) this.api.releaseByBeacon(this.productId);
  }

  /** Take the lock (again), for instance after it was broken or an edit was refused. */
  ask(): Promise<void> {
    clearTimeout(this.timer);
    return this.inTurn(() => this.askNow());
  }

  /** A refusal said who holds it. */
  showTheirs(lock: Lock) {
    this.show({ acquired: false, lock });
  }

  onEvent({ change }: LockChange) {
    if (!this.isRunning || this.state.kind === "broken") return;
    if (this.state.kind === "mine" && change === "broken") {
      // An admin wanted it free; whoever was holding it decides whether to go on.
      clearTimeout(this.timer);
      this.set({ kind: "broken" });
    } else if (!this.isFresh && this.isSeen) void this.ask();
  }

  onVisible() {
    if (this.isRunning && this.state.kind !== "broken") void this.ask();
  }

  private get isSeen() {
    return this.options.isVisible?.() ?? true;
  }

  /** Whether the lock that is held cannot have lapsed yet. */
  private get isFresh() {
    return this.state.kind === "mine" && this.state.until_ms > performance.now();
  }

  private inTurn(action: () => Promise<void>): Promise<void> {
    const done = LockKeeper.tail.then(action);
    LockKeeper.tail = done;
    return done;
  }

  private halt() {
    this.isRunning = false;
    clearTimeout(this.timer);
  }

  private async askNow() {
    if (!this.isRunning) return;
    try {
      const answer = await (this.options.isTaker
        ? this.api.take(this.productId)
        : this.api.look(this.productId));
      if (this.isRunning) this.show(answer);
    } catch (error) {
      if (!this.isRunning) return;
      // A lock that is still held is not lost because one renewal did not arrive.
      if (!this.isFresh) this.set({ kind: "failed", error });
      if (toProblem(error).status !== 404) this.wait(ASK_AGAIN_MS);
    }
  }

  private show({ acquired, lock }: LockAnswer) {
    clearTimeout(this.timer);
    if (!lock) {
      this.set({ kind: "free" });
      return;
    }
    const until_ms = performance.now() + lock.expires_in_s * 1000;
    this.set({ kind: acquired ? "mine" : "theirs", lock, until_ms });
    if (!acquired) {
      this.wait(Math.min(lock.expires_in_s * 1000 + 500, RENEW_AFTER_MS));
      return;
    }
    const isOther = this.lastToken !== null && lock.token !== this.lastToken;
    this.lastToken = lock.token;
    this.wait(RENEW_AFTER_MS);
    if (isOther) this.options.onRetaken?.();
  }

  private wait(forMs: number) {
    this.timer = setTimeout(() => {
      // An unseen tab lets its lock lapse; it asks again when it is looked at.
      if (this.isSeen) void this.ask();
      else if (!this.isFresh && this.state.kind === "mine") this.set({ kind: "asking" });
      else this.wait(forMs);
    }, forMs);
  }

  private set(state: LockState) {
    this.state = state;
    for (const listener of this.listeners) listener();
  }
}
