import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { followEvents, type LiveEvent } from "@/api/events";

/** The browser's stream; it opens and ends when it is told to. */
class FakeSource extends EventTarget {
  static readonly CLOSED = 2;
  static all: FakeSource[] = [];
  readyState = 0;
  onopen = () => undefined;
  onerror = () => undefined;

  constructor() {
    super();
    FakeSource.all.push(this);
  }
  close() {
    this.readyState = FakeSource.CLOSED;
  }
  fail() {
    this.close();
    this.onerror();
  }
}

/** Hands on at once; the browser's own does so a moment later. */
class FakeChannel {
  static all = new Set<FakeChannel>();
  onmessage: (message: { data: unknown }) => void = () => undefined;

  constructor() {
    FakeChannel.all.add(this);
  }
  postMessage(data: unknown) {
    for (const one of FakeChannel.all) if (one !== this) one.onmessage({ data });
  }
  close() {
    FakeChannel.all.delete(this);
  }
}

/** Web Locks for one name: one holder at a time, in the order in which they asked. */
class FakeLocks {
  private tail: Promise<unknown> = Promise.resolve();

  request(_name: string, { signal }: { signal: AbortSignal }, hold: () => Promise<void>) {
    const held = this.tail.then(() => (signal.aborted ? undefined : hold()));
    this.tail = held;
    return held;
  }
}

function openTab() {
  const heard: LiveEvent["kind"][] = [];
  const close = followEvents({ onEvent: ({ kind }) => heard.push(kind), onState: () => undefined });
  return { heard, close };
}

async function openedStream(count: number) {
  await vi.waitFor(() => expect(FakeSource.all).toHaveLength(count));
  return FakeSource.all[count - 1] as FakeSource;
}

describe("followEvents", () => {
  beforeEach(() => {
    FakeSource.all = [];
    FakeChannel.all.clear();
    vi.stubGlobal("EventSource", FakeSource);
    vi.stubGlobal("BroadcastChannel", FakeChannel);
    vi.stubGlobal("navigator", { locks: new FakeLocks() });
  });
  afterEach(() => {
    vi.unstubAllGlobals();
    vi.useRealTimers();
  });

  it("has every tab ask anew once the stream of the tab that takes over is open, and not before", async () => {
    const [first, next, third] = [openTab(), openTab(), openTab()];
    (await openedStream(1)).onopen();
    for (const tab of [first, next, third]) tab.heard.length = 0;
    first.close();
    const stream = await openedStream(2);
    expect([next.heard, third.heard]).toEqual([[], []]);
    stream.onopen();
    expect([next.heard, third.heard]).toEqual([["resync"], ["resync"]]);
  });

  it("hands events to every tab over one stream", async () => {
    const tabs = [openTab(), openTab()];
    const stream = await openedStream(1);
    stream.dispatchEvent(new MessageEvent("photo", { data: '{"id":"p","change":"created"}' }));
    expect(tabs.map((tab) => tab.heard)).toEqual([["photo"], ["photo"]]);
    expect(FakeSource.all).toHaveLength(1);
  });

  it("asks anew after a stream that the server closed, not after one that the browser mended", async () => {
    vi.stubGlobal("navigator", {});
    vi.useFakeTimers();
    const { heard } = openTab();
    const [stream] = FakeSource.all;
    stream?.onopen();
    stream?.onerror();
    stream?.onopen();
    expect(heard).toEqual([]);
    stream?.fail();
    vi.advanceTimersByTime(1000);
    FakeSource.all[1]?.onopen();
    expect(heard).toEqual(["resync"]);
  });
});
