import type { Job, Lock } from "./types";

export type Change = { id: string; change: "created" | "updated" | "deleted" };
export type LockChange = {
  id: string;
  resource_type: Lock["resource_type"];
  change: "acquired" | "released" | "expired" | "broken";
  user: Lock["user"] | null;
};
/** `id` is the product about whose photos somebody has decided. */
export type MatchingChange = Change & { by: string };
/** One of the signed-in person; without `id`, all of theirs. */
export type NotificationChange = { id: string | null; change: "created" | "read" | "deleted" };
export type LiveEvent =
  | { kind: "job"; data: Job }
  | { kind: "video" | "product" | "photo" | "activity"; data: Change }
  | { kind: "matching"; data: MatchingChange }
  | { kind: "lock"; data: LockChange }
  | { kind: "notification"; data: NotificationChange }
  | { kind: "resync" };
export type LiveState = "connecting" | "live" | "lost";
export type LiveListener = { onEvent: (event: LiveEvent) => void; onState: (state: LiveState) => void };

type Message = { type: "event"; event: LiveEvent } | { type: "state"; state: LiveState } | { type: "hello" };

const NAME = "buybuddy-live";
const KINDS = ["job", "video", "product", "photo", "matching", "lock", "notification", "activity"] as const;
const LONGEST_PAUSE_MS = 15_000;

/**
 * Keep one event stream open, and open it anew (with growing pauses) when the server has closed it for good.
 *
 * @param hasMissed events may have passed before it opens: it then begins with a resync
 */
function openStream(listener: LiveListener, hasMissed: boolean): () => void {
  let source: EventSource | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let pauseMs = 1000;
  let mustResync = hasMissed;

  function open() {
    source = new EventSource("/api/v1/events");
    source.onopen = () => {
      pauseMs = 1000;
      listener.onState("live");
      if (mustResync) listener.onEvent({ kind: "resync" });
      mustResync = false;
    };
    source.onerror = () => {
      listener.onState("lost");
      if (source?.readyState !== EventSource.CLOSED) return;
      mustResync = true; // a stream opened anew has no Last-Event-ID: what it missed is unknown
      timer = setTimeout(open, pauseMs);
      pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
    };
    source.addEventListener("resync", () => listener.onEvent({ kind: "resync" }));
    for (const kind of KINDS) {
      source.addEventListener(kind, (event: MessageEvent<string>) =>
        listener.onEvent({ kind, data: JSON.parse(event.data) } as LiveEvent),
      );
    }
  }

  open();
  return () => {
    clearTimeout(timer);
    source?.close();
  };
}

/**
 * Follow the platform's events. One tab of the browser (the holder of a Web Lock) keeps the only stream and hands every
 * event to the others: browsers allow six connections a host, and a stream in each tab would use them up. Where Web
 * Locks are missing (plain HTTP on another host), each tab keeps its own.
 */
export function followEvents(listener: LiveListener): () => void {
  if (!navigator.locks) return openStream(listener, false);

  const channel = new BroadcastChannel(NAME);
  const gone = new AbortController();
  const post = (message: Message) => {
    if (!gone.signal.aborted) channel.postMessage(message);
  };
  let state: LiveState = "connecting";
  let isLeader = false;

  channel.onmessage = ({ data }: MessageEvent<Message>) => {
    if (data.type === "hello") {
      if (isLeader) post({ type: "state", state });
    } else if (data.type === "state") {
      listener.onState(data.state);
    } else {
      listener.onEvent(data.event);
    }
  };
  post({ type: "hello" });

  function onEvent(event: LiveEvent) {
    listener.onEvent(event);
    post({ type: "event", event });
  }
  function onState(next: LiveState) {
    state = next;
    listener.onState(next);
    post({ type: "state", state: next });
  }
  navigator.locks
    .request(NAME, { signal: gone.signal }, () => {
      isLeader = true;
      // Another tab may have led until now, and no tab has heard what came since its stream ended.
      const close = openStream({ onEvent, onState }, true);
      return new Promise<void>((resolve) => {
        gone.signal.addEventListener("abort", () => {
          close();
          resolve();
        });
      });
    })
    .catch(() => undefined);

  return () => {
    gone.abort();
    channel.close();
  };
}
