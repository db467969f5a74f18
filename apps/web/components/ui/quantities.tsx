"use client";

import { useFormatter, useNow, useTranslations } from "use-intl";

const UNITS = ["byte", "kilobyte", "megabyte", "gigabyte"] as const;

/** Amounts in the words of the chosen language. */
export function useQuantities() {
  const format = useFormatter();
  const t = useTranslations("quantities");
  return {
    size(bytes: number): string {
      const power = bytes < 1 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log10(bytes) / 3));
      const unit = UNITS[power] ?? "byte";
      return format.number(bytes / 1000 ** power, {
        style: "unit",
        unit,
        unitDisplay: "short",
        maximumFractionDigits: power > 1 ? 1 : 0,
      });
    },
    duration(seconds: number): string {
      const whole = Math.max(0, Math.round(seconds));
      if (whole < 60) return t("seconds", { seconds: whole });
      if (whole < 3600) return t("minutes", { minutes: Math.floor(whole / 60), seconds: whole % 60 });
      return t("hours", { hours: Math.floor(whole / 3600), minutes: Math.floor((whole % 3600) / 60) });
    },
    second: (seconds: number) =>
      t("exactSeconds", {
        seconds: format.number(seconds, { minimumFractionDigits: 2, maximumFractionDigits: 2 }),
      }),
    percent: (fraction: number, digits = 0) =>
      format.number(fraction, {
        style: "percent",
        minimumFractionDigits: digits,
        maximumFractionDigits: digits,
      }),
  };
}

/** "3 minutes ago", with the exact moment as its title. */
export function TimeAgo({ at, className }: { at: string; className?: string }) {
  const format = useFormatter();
  const now = useNow({ updateInterval: 20_000 });
  const moment = new Date(at);
  // A server's clock that runs ahead must not show "in 2 seconds".
  const shown = moment > now ? now : moment;
  return (
    <time
      dateTime={at}
      title={format.dateTime(moment, { dateStyle: "medium", timeStyle: "medium" })}
      className={className}
    >
      {format.relativeTime(shown, now)}
    </time>
  );
}
