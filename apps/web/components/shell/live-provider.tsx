"use client";

import { useQueryClient } from "@tanstack/react-query";
import { createContext, type ReactNode, useContext, useEffect, useRef, useState } from "react";
import { followEvents, type LiveEvent, type LiveState } from "@/api/events";
import { LiveCache } from "@/api/live-cache";

const LiveContext = createContext<LiveState>("connecting");
export const useLiveState = () => useContext(LiveContext);

type Listener = (event: LiveEvent) => void;
const ListenersContext = createContext<Set<Listener>>(new Set());

/** Have a page hear of every event while it is shown. */
export function useOnLive(listener: Listener) {
  const listeners = useContext(ListenersContext);
  const latest = useRef(listener);
  latest.current = listener;
  useEffect(() => {
    const hear: Listener = (event) => latest.current(event);
    listeners.add(hear);
    return () => {
      listeners.delete(hear);
    };
  }, [listeners]);
}

/** While no events come, what is on the page is asked for anew this often. */
const POLL_MS = 10_000;

type Props = { onEvent: (event: LiveEvent) => void; children: ReactNode };

export function LiveProvider({ onEvent, children }: Props) {
  const client = useQueryClient();
  const [state, setState] = useState<LiveState>("connecting");
  const [listeners] = useState(() => new Set<Listener>());
  const handler = useRef(onEvent);
  handler.current = onEvent;

  useEffect(() => {
    const cache = new LiveCache(client);
    return followEvents({
      onState: setState,
      onEvent(event) {
        handler.current(event);
        cache.apply(event);
        for (const listener of listeners) listener(event);
      },
    });
  }, [client, listeners]);

  useEffect(() => {
    if (state !== "lost") return;
    const timer = setInterval(() => void client.invalidateQueries(), POLL_MS);
    return () => clearInterval(timer);
  }, [state, client]);

  return (
    <ListenersContext value={listeners}>
      <LiveContext value={state}>{children}</LiveContext>
    </ListenersContext>
  );
}
