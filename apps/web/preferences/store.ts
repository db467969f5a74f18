"use client";

import { useSyncExternalStore } from "react";
import { PREFERENCES_KEY as KEY } from "./theme-script";

export const LANGUAGES = ["en", "tr"] as const;
export const THEMES = ["system", "light", "dark"] as const;
export type Language = (typeof LANGUAGES)[number];
export type Theme = (typeof THEMES)[number];
export type Preferences = {
  language: Language;
  theme: Theme;
  isSidebarCollapsed: boolean;
};

const listeners = new Set<() => void>();
let current: Preferences | null = null;

const oneOf = <T extends string>(all: readonly T[], value: unknown, otherwise: T): T =>
  all.find((one) => one === value) ?? otherwise;

/** Read what was stored, whatever it is: anything unknown falls back to what the browser asks for. */
export function readPreferences(stored: string | null, browserLanguage: string): Preferences {
  let found: Record<string, unknown> = {};
  try {
    found = (JSON.parse(stored ?? "{}") as Record<string, unknown>) ?? {};
  } catch {
    found = {};
  }
  return {
    language: oneOf(LANGUAGES, found.language, browserLanguage.toLowerCase().startsWith("tr") ? "tr" : "en"),
    theme: oneOf(THEMES, found.theme, "system"),
    isSidebarCollapsed: found.isSidebarCollapsed === true,
  };
}

function load(): Preferences {
  current ??= readPreferences(localStorage.getItem(KEY), navigator.language);
  return current;
}

function announce() {
  for (const listener of listeners) listener();
}

export function setPreferences(change: Partial<Preferences>) {
  current = { ...load(), ...change };
  localStorage.setItem(KEY, JSON.stringify(current));
  announce();
}

function subscribe(listener: () => void) {
  const onStorage = (event: StorageEvent) => {
    if (event.key !== KEY) return;
    current = null;
    announce();
  };
  listeners.add(listener);
  window.addEventListener("storage", onStorage);
  return () => {
    listeners.delete(listener);
    window.removeEventListener("storage", onStorage);
  };
}

/** Null while the exported page has not met its browser yet: nothing may be shown in a guessed language. */
export const usePreferencesOrNull = () =>
  useSyncExternalStore<Preferences | null>(subscribe, load, () => null);

export function usePreferences(): Preferences {
  const preferences = usePreferencesOrNull();
  if (!preferences) throw new Error("usePreferences needs <PreferencesProvider> above it");
  return preferences;
}
