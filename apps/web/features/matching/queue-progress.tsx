"use client";

import { useFormatter, useTranslations } from "use-intl";
import { $api } from "@/api/client";

/** How much is left for everybody together, and how long it takes at the pace so far. */
export function QueueProgress() {
  const t = useTranslations("matching");
  const progress = $api.useQuery("get", "/api/v1/matching/progress", undefined, { refetchInterval: 60_000 });
  const format = useFormatter();
  if (!progress.data) return null;
  const { decisions_left: count, hours_left } = progress.data;
  const inUnit = (value: number, unit: "hour" | "minute") =>
    format.number(Math.ceil(value), { style: "unit", unit, unitDisplay: "short" });
  return (
    <p className="border-line border-t px-3 py-2 text-ink-soft text-xs tabular-nums">
      {hours_left === null
        ? t("progress", { count })
        : t("progressTime", {
            count,
            time: hours_left < 2 ? inUnit(hours_left * 60, "minute") : inUnit(hours_left, "hour"),
          })}
    </p>
  );
}
