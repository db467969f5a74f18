import type { CandidateFilters, Matching } from "@/api/matching";
import { type ApiProblem, toProblem } from "@/api/problem";
import type { Decided, Decision } from "@/api/types";
import { advance, buildDeck, type Deck, EMPTY, listTargets, mark, markTaken, type Taken } from "./deck";
import { sendingCount } from "./sending";

/** One thing that a person did, as undo takes it back. */
type Step = {
  decision: Decision;
  ids: string[];
  before: Map<string, Decision | null>;
  /** Every photo that it touched, near-duplicates included. */
  photoIds: Set<string>;
};

export type DeckState = {
  phase: "loading" | "ready" | "failed";
  error: unknown;
  deck: Deck;
  canUndo: boolean;
  /** Decisions on their way to the server. */
  sendingCount: number;
  /** Photos have come or gone since the cards came. */
  hasNews: boolean;
};

/** A request in the queue, and how the page goes back to what it showed before it was made. */
type Work = { send: () => Promise<void>; rollBack: () => void };

type Listener = {
  onDecided: (decided: Decided) => void;
  /** Somebody else had a photo first; `keptCount` others were decided all the same. */
  onTaken: (conflicts: Taken[], keptCount: number) => void;
  /** Refused and taken back on the page. */
  onRefused: (problem: ApiProblem) => void;
};

/**
 * The candidates of one product and the decisions about them. A decision shows at once, travels in the order in which
 * it was made, and is taken back on the page, with all that was decided after it, when the server refuses it.
 */
export class DeckStore {
  private state: DeckState = {
    phase: "loading",
    error: null,
    deck: EMPTY,
    canUndo: false,
    sendingCount: 0,
    hasNews: false,
  };
  private listeners = new Set<() => void>();
  private steps: Step[] = [];
  /** Not answered yet, oldest first; the first one travels. */
  private queue: Work[] = [];
  private tail: Promise<void> = Promise.resolve();
  private loading: AbortController | null = null;
  private filters: CandidateFilters | null = null;

  constructor(
    private readonly productId: string,
    private readonly api: Matching,
    private readonly token: () => number | null,
    private readonly listener: Listener,
    private readonly tabCount = sendingCount,
  ) {}

  getSnapshot = () => this.state;

  subscribe = (listener: () => void) => {
    this.listeners.add(listener);
    return () => {
      this.listeners.delete(listener);
    };
  };

  /** Resolves once everything decided so far has arrived or was refused. */
  settled = () => this.tail;

  async load(filters: CandidateFilters) {
    this.filters = filters;
    this.loading?.abort();
    const loading = new AbortController();
    this.loading = loading;
    this.set({ phase: "loading", error: null, hasNews: false });
    await this.tail; // else what is on its way would come up once more
    try {
      if (loading.signal.aborted) return;
      const cards = await this.api.listCandidates(this.productId, filters, loading.signal);
      if (!loading.signal.aborted) this.set({ phase: "ready", deck: buildDeck(cards) });
    } catch (error) {
      if (!loading.signal.aborted) this.set({ phase: "failed", error });
    }
  }

  reload = () => (this.filters ? this.load(this.filters) : Promise.resolve());

  markNews() {
    if (this.state.phase === "ready" && !this.state.hasNews) this.set({ hasNews: true });
  }

  edit(change: (deck: Deck) => Deck) {
    const deck = change(this.state.deck);
    if (deck !== this.state.deck) this.set({ deck });
  }

  decide(decision: Decision) {
    const { deck } = this.state;
    if (this.state.phase !== "ready" || this.token() === null) return;
    const ids = listTargets(deck).filter((id) => deck.decisions.get(id) !== decision);
    const decided = mark(
      deck,
      ids.map((id) => [id, decision]),
    );
    this.set({ deck: advance({ ...decided, selected: new Set() }) });
    if (ids.length === 0) return;
    const before = new Map(ids.map((id) => [id, deck.decisions.get(id) ?? null]));
    const step: Step = { decision, ids, before, photoIds: new Set(this.photosOf(ids)) };
    this.steps.push(step);
    this.enqueue(
      () => this.send(step),
      () => {
        this.steps = this.steps.filter((one) => one !== step);
        this.edit((now) => mark(now, step.before));
      },
    );
  }

  undo() {
    if (this.token() === null) return;
    const step = this.steps.pop();
    if (!step) return;
    const { deck } = this.state;
    const index = deck.cards.findIndex((card) => step.ids.includes(card.id));
    const isShown = step.ids.every((id) => deck.cards.some((card) => card.id === id));
    this.set({ deck: mark({ ...deck, focus: index < 0 ? deck.focus : index }, step.before) });
    this.enqueue(
      async () => {
        await this.takeBack(step);
        if (!isShown) void this.reload();
      },
      () => {
        this.steps.push(step);
        this.edit((now) =>
          mark(
            now,
            step.ids.map((id) => [id, step.decision]),
          ),
        );
      },
    );
  }

  private async send(step: Step) {
    const approved = step.ids.filter((id) => step.before.get(id) === "approved");
    if (approved.length > 0) {
      this.listener.onDecided(await this.post("undone", this.photosOf(approved)));
      for (const id of approved) step.before.set(id, null);
    }
    const taken: Taken[] = [];
    while (step.ids.length > 0) {
      try {
        const decided = await this.post(step.decision, step.ids);
        for (const id of decided.photo_ids) step.photoIds.add(id);
        this.listener.onDecided(decided);
        break;
      } catch (error) {
        const conflicts = readConflicts(error);
        if (conflicts.length === 0) throw error;
        taken.push(...conflicts);
        const isTaken = new Set(conflicts.map((one) => one.photo_id));
        step.ids = step.ids.filter((id) => !isTaken.has(id));
        this.edit((deck) => markTaken(deck, conflicts));
      }
    }
    if (step.ids.length === 0) this.steps = this.steps.filter((one) => one !== step);
    if (taken.length > 0) this.listener.onTaken(taken, step.ids.length);
  }

  private async takeBack(step: Step) {
    this.listener.onDecided(await this.post("undone", [...step.photoIds]));
    for (const decision of ["approved", "rejected", "skipped"] as const) {
      const ids = step.ids.filter((id) => step.before.get(id) === decision);
      if (ids.length > 0) this.listener.onDecided(await this.post(decision, ids));
    }
  }

  private post(decision: Decision | "undone", candidate_ids: string[]): Promise<Decided> {
    const { threshold = 0.7 } = this.filters ?? {};
    const lock_token = this.token() ?? 1; // without a lock the server refuses with who has it
    return this.api.decide(decision, { product_id: this.productId, candidate_ids, threshold, lock_token });
  }

  private photosOf(ids: string[]): string[] {
    const wanted = new Set(ids);
    return this.state.deck.cards.filter((card) => wanted.has(card.id)).flatMap((card) => card.photo_ids);
  }

  private enqueue(send: Work["send"], rollBack: Work["rollBack"]) {
    this.queue.push({ send, rollBack });
    this.countSending();
    this.tail = this.tail.then(() => this.sendNext());
  }

  private async sendNext() {
    const [work] = this.queue;
    if (!work) return; // taken back behind a refusal
    try {
      await work.send();
      this.queue.shift();
      this.countSending();
    } catch (error) {
      this.takeBackAll(toProblem(error));
    }
  }

  /** What is queued behind a refusal was decided on a page that showed something else: it goes back with it. */
  private takeBackAll(problem: ApiProblem) {
    // Newest first: each goes back to what the page showed when it was made.
    for (const { rollBack } of this.queue.splice(0).reverse()) rollBack();
    this.countSending();
    this.listener.onRefused(problem);
    void this.reload(); // a request whose answer was lost may have been granted
  }

  private countSending() {
    this.tabCount.add(this.queue.length - this.state.sendingCount);
    this.set({ sendingCount: this.queue.length });
  }

  private set(change: Partial<DeckState>) {
    this.state = { ...this.state, ...change, canUndo: this.steps.length > 0 };
    for (const listener of this.listeners) listener();
  }
}

function readConflicts(error: unknown): Taken[] {
  const problem = toProblem(error);
  const { conflicts } = problem.fields;
  return problem.code === "PHOTO_TAKEN" && Array.isArray(conflicts) ? (conflicts as Taken[]) : [];
}
