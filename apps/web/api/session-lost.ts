type Listener = () => void;

const listeners = new Set<Listener>();

/** Any answer of 401 ends up here; the platform's shell then leads to the login page. */
export function reportSessionLost() {
  for (const listener of listeners) listener();
}

export function onSessionLost(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
