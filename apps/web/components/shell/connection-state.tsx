"use client";

import { useTranslations } from "use-intl";
import { cn } from "../ui/class-names";
import { Tooltip } from "../ui/tooltip";
import { useLiveState } from "./live-provider";

const DOT = {
  live: "bg-green-dot",
  connecting: "bg-yellow-dot animate-pulse",
  lost: "bg-red-dot animate-pulse",
};

export function ConnectionState() {
  const t = useTranslations("connection");
  const state = useLiveState();
  return (
    <Tooltip label={t(`${state}Hint`)} side="bottom">
      <button
        type="button"
        className="flex h-8 cursor-default! items-center gap-2 rounded-md px-2 text-ink-soft text-xs"
      >
        <span className={cn("size-2 rounded-full", DOT[state])} aria-hidden />
        <span role="status">{t(state)}</span>
      </button>
    </Tooltip>
  );
}
