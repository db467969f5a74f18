"use client";

import { Search } from "lucide-react";
import { useEffect, useState } from "react";
import { useTranslations } from "use-intl";
import { UserMenu } from "@/features/accounts/user-menu";
import { Notifications } from "@/features/notifications/notifications";
import { Kbd } from "../ui/kbd";
import { CommandPalette } from "./command-palette";
import { ConnectionState } from "./connection-state";

export function Header() {
  const t = useTranslations("palette");
  const [isOpen, setIsOpen] = useState(false);

  useEffect(() => {
    function onKey(event: KeyboardEvent) {
      if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      setIsOpen((before) => !before);
    }
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, []);

  return (
    <header className="sticky top-0 z-30 flex h-13 items-center gap-2 border-line border-b bg-canvas/90 px-6 backdrop-blur">
      <button
        type="button"
        onClick={() => setIsOpen(true)}
        className="flex h-8 w-80 items-center gap-2 rounded-md border border-line-strong bg-surface px-2.5 text-ink-faint text-sm hover:bg-hover"
      >
        <Search className="size-4" aria-hidden />
        <span className="flex-1 truncate text-left">{t("open")}</span>
        <Kbd>Ctrl K</Kbd>
      </button>
      <div className="flex-1" />
      <ConnectionState />
      <Notifications />
      <UserMenu />
      <CommandPalette isOpen={isOpen} onOpenChange={setIsOpen} />
    </header>
  );
}
