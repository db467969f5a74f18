"use client";

import { type ReactNode, useEffect } from "react";
import { IntlProvider } from "use-intl";
import en from "@/messages/en.json";
import tr from "@/messages/tr.json";
import { type Theme, usePreferencesOrNull } from "./store";

const MESSAGES = { en, tr };

function useTheme(theme: Theme | undefined) {
  useEffect(() => {
    if (!theme) return;
    const system = window.matchMedia("(prefers-color-scheme: dark)");
    const paint = () =>
      document.documentElement.classList.toggle(
        "dark",
        theme === "dark" || (theme === "system" && system.matches),
      );
    paint();
    system.addEventListener("change", paint);
    return () => system.removeEventListener("change", paint);
  }, [theme]);
}

export function PreferencesProvider({ children }: { children: ReactNode }) {
  const preferences = usePreferencesOrNull();
  const language = preferences?.language;
  useTheme(preferences?.theme);
  useEffect(() => {
    if (language) document.documentElement.lang = language;
  }, [language]);
  if (!language) return null;
  return (
    <IntlProvider
      locale={language}
      messages={MESSAGES[language]}
      timeZone={Intl.DateTimeFormat().resolvedOptions().timeZone}
      now={new Date()}
    >
      {children}
    </IntlProvider>
  );
}
