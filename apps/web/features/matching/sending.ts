import { useSyncExternalStore } from "react";

/**
 * How many decisions are on their way to the server. Kept apart from the decks, because the last ones of a product
 * still travel when the next product, or another page, is shown.
 */
export class SendingCount {
  private count = 0;
  private listeners = new Set<() => void>();

  getSnapshot = () => this.count;

  subscribe = (listener: () => void) => {
    this.listeners.add(listener);
    return () => {
      this.listeners.delete(listener);
    };
  };

  add(count: number) {
    this.count += count;
    for (const listener of this.listeners) listener();
  }
}

/** The decisions of this tab. */
export const sendingCount = new SendingCount();

export const useIsSending = () =>
  useSyncExternalStore(
    sendingCount.subscribe,
    () => sendingCount.getSnapshot() > 0,
    () => false,
  );
