"use client";

import { LogOut } from "lucide-react";
import { useTranslations } from "use-intl";
import { $api, fetchClient } from "@/api/client";
import { Button } from "@/components/ui/button";
import {
  Menu,
  MenuContent,
  MenuItem,
  MenuLabel,
  MenuRadioGroup,
  MenuRadioItem,
  MenuSeparator,
  MenuTrigger,
} from "@/components/ui/menu";
import { LANGUAGES, setPreferences, THEMES, usePreferences } from "@/preferences/store";
import { findChoice } from "@/routing/use-url-state";

/** Each language in its own words, so that a person finds theirs. */
const LANGUAGE_NAMES = { en: "English", tr: "Türkçe" };

async function signOut() {
  await fetchClient.POST("/api/v1/auth/logout").catch(() => undefined);
  // A full load drops everything that this person's pages had in memory.
  window.location.assign("/login");
}

export function UserMenu() {
  const t = useTranslations("account");
  const { language, theme } = usePreferences();
  const { data: user } = $api.useQuery("get", "/api/v1/auth/me", undefined, { staleTime: 60_000 });
  if (!user) return null;

  return (
    <Menu>
      <MenuTrigger asChild>
        <Button variant="ghost" size="icon" aria-label={t("menu", { username: user.username })}>
          <span className="grid size-7 place-items-center rounded-full bg-accent font-semibold text-accent-ink text-xs uppercase">
            {user.username.slice(0, 1)}
          </span>
        </Button>
      </MenuTrigger>
      <MenuContent className="w-52">
        <div className="px-2 py-1.5">
          <p className="truncate font-medium text-sm">{user.username}</p>
          <p className="truncate text-ink-faint text-xs">{t(`roles.${user.role}`)}</p>
        </div>
        <MenuSeparator />
        <MenuLabel>{t("language")}</MenuLabel>
        <MenuRadioGroup
          value={language}
          onValueChange={(value) => setPreferences({ language: findChoice(LANGUAGES, value) ?? language })}
        >
          {LANGUAGES.map((one) => (
            <MenuRadioItem key={one} value={one} lang={one}>
              {LANGUAGE_NAMES[one]}
            </MenuRadioItem>
          ))}
        </MenuRadioGroup>
        <MenuLabel>{t("theme")}</MenuLabel>
        <MenuRadioGroup
          value={theme}
          onValueChange={(value) => setPreferences({ theme: findChoice(THEMES, value) ?? theme })}
        >
          {THEMES.map((one) => (
            <MenuRadioItem key={one} value={one}>
              {t(`themes.${one}`)}
            </MenuRadioItem>
          ))}
        </MenuRadioGroup>
        <MenuSeparator />
        <MenuItem onSelect={() => void signOut()}>
          <LogOut aria-hidden /> {t("signOut")}
        </MenuItem>
      </MenuContent>
    </Menu>
  );
}
