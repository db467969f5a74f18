"use client";

import { PanelLeftClose, PanelLeftOpen } from "lucide-react";
import Link from "next/link";
import { usePathname } from "next/navigation";
import { useTranslations } from "use-intl";
import { setPreferences, usePreferences } from "@/preferences/store";
import { Button } from "../ui/button";
import { cn } from "../ui/class-names";
import { Tooltip } from "../ui/tooltip";
import { BrandMark } from "./brand-mark";
import { isCurrent, NAVIGATION } from "./navigation";

export function Sidebar() {
  const t = useTranslations("navigation");
  const pathname = usePathname();
  const { isSidebarCollapsed } = usePreferences();
  const toggleLabel = isSidebarCollapsed ? t("expand") : t("collapse");

  return (
    <aside
      className={cn(
        "sticky top-0 flex h-screen shrink-0 flex-col border-line border-r bg-sidebar transition-[width] duration-150",
        isSidebarCollapsed ? "w-14" : "w-54",
      )}
    >
      <Link href="/" className="flex h-13 items-center gap-2.5 px-4 font-semibold tracking-tight">
        <BrandMark className="size-6 shrink-0 text-accent" />
        <span className={cn(isSidebarCollapsed && "sr-only")}>Buybuddy</span>
      </Link>
      <nav aria-label={t("main")} className="flex-1 px-2.5 pt-2">
        <ul className="flex flex-col gap-0.5">
          {NAVIGATION.map(({ path, name, icon: Icon }) => {
            const isHere = isCurrent(path, pathname);
            const link = (
              <Link
                href={path}
                aria-current={isHere ? "page" : undefined}
                className={cn(
                  "flex h-8 items-center gap-2.5 rounded-md px-2.5 font-medium text-ink-soft text-sm hover:bg-hover hover:text-ink",
                  isHere && "bg-accent-soft text-accent-text hover:bg-accent-soft hover:text-accent-text",
                )}
              >
                <Icon className="size-4 shrink-0" aria-hidden />
                <span className={cn("truncate", isSidebarCollapsed && "sr-only")}>{t(name)}</span>
              </Link>
            );
            return (
              <li key={path}>
                {isSidebarCollapsed ? (
                  <Tooltip label={t(name)} side="right">
                    {link}
                  </Tooltip>
                ) : (
                  link
                )}
              </li>
            );
          })}
        </ul>
      </nav>
      <div className="p-2.5">
        <Tooltip label={toggleLabel} side="right">
          <Button
            variant="ghost"
            size="icon"
            aria-label={toggleLabel}
            aria-expanded={!isSidebarCollapsed}
            onClick={() => setPreferences({ isSidebarCollapsed: !isSidebarCollapsed })}
          >
            {isSidebarCollapsed ? <PanelLeftOpen /> : <PanelLeftClose />}
          </Button>
        </Tooltip>
      </div>
    </aside>
  );
}
