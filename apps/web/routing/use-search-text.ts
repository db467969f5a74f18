"use client";

import { useEffect, useRef, useState } from "react";

const PAUSE_MS = 250;

/**
 * The text of a search field whose settled value is kept elsewhere (in the address). Typing reaches `onSettle` after a
 * pause; a value that changes from outside (a link, "clear filters") replaces the text.
 */
export function useSearchText(value: string, onSettle: (value: string) => void) {
  const [text, setText] = useState(value);
  const known = useRef(value);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);

  useEffect(() => {
    if (value === known.current) return;
    known.current = value;
    clearTimeout(timer.current);
    setText(value);
  }, [value]);
  useEffect(() => () => clearTimeout(timer.current), []);

  function onChange(next: string) {
    setText(next);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => {
      known.current = next.trim();
      onSettle(known.current);
    }, PAUSE_MS);
  }
  return [text, onChange] as const;
}
