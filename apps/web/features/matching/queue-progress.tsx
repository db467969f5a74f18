"use client";

import { useTranslations } from "use-intl";
import { $api } from "@/api/client";

/** How much is left for everybody together, and how long it takes at the pace so far. */
export function QueueProgress() {
  const t = useTranslations("matching");
  const progress = $api.useQuery("get", "/api/v1/matching/progress", undefined, { refetchInterval: 60_000 });
  if (!progress.data) return null;
  const { decisions_left: count, hours_left } = progress.data;
  return (
    <p className="border-line border-t px-3 py-2 text-ink-soft text-xs tabular-nums">
      {hours_left === null
        ? t("progress", { count })
        : t("progressHours", { count, hours: Math.max(0.1, Math.round(hours_left * 10) / 10) })}
    </p>
  );
}
