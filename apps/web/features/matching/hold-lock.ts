import type { DeckStore } from "./deck-store";
import type { LockKeeper } from "./lock-keeper";

/**
 * Hold a product's lock while the product is on the page, and until its last decisions were answered: they are made
 * under it. A page that closes before gives the lock back at once.
 *
 * @returns to be called when the product leaves the page; resolves once the lock was given back
 */
export function holdLock(keeper: LockKeeper, store: Pick<DeckStore, "settled">): () => Promise<void> {
  const onVisibility = () => !document.hidden && keeper.onVisible();
  const onPageHide = () => keeper.close();
  // A page that comes back from the browser's cache goes on where it was.
  const onPageShow = (event: PageTransitionEvent) => event.persisted && keeper.start();
  document.addEventListener("visibilitychange", onVisibility);
  window.addEventListener("pagehide", onPageHide);
  window.addEventListener("pageshow", onPageShow);
  keeper.start();
  return async () => {
    document.removeEventListener("visibilitychange", onVisibility);
    window.removeEventListener("pageshow", onPageShow);
    await store.settled();
    await keeper.stop();
    window.removeEventListener("pagehide", onPageHide);
  };
}
