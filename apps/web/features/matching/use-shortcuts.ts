"use client";

import { useEffect, useRef } from "react";
import { type Action, isOurs, readAction } from "./shortcuts";

/** Hand the page's keys to `onAction`, which says whether it has used one. */
export function useShortcuts(onAction: (action: Action, event: KeyboardEvent) => boolean) {
  const latest = useRef(onAction);
  latest.current = onAction;
  useEffect(() => {
    function onKey(event: KeyboardEvent) {
      const action = readAction(event);
      if (!action || event.defaultPrevented || !isOurs(event.target, action)) return;
      if (latest.current(action, event)) event.preventDefault();
    }
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, []);
}
