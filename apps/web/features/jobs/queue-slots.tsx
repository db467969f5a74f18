"use client";

import { useTranslations } from "use-intl";
import { $api } from "@/api/client";
import { JOB_TYPES, type JobType } from "@/api/types";
import { Card } from "@/components/ui/card";
import { cn } from "@/components/ui/class-names";

/** The types in the order of the line, whatever order the API lists them in. */
const inOrder = <T extends { job_type: JobType }>(queues: T[]) =>
  queues.toSorted((one, other) => JOB_TYPES.indexOf(one.job_type) - JOB_TYPES.indexOf(other.job_type));

/** How many jobs of each type run, may run at once, and wait. */
export function QueueSlots() {
  const t = useTranslations("jobs");
  const queues = $api.useQuery("get", "/api/v1/jobs/queue-status");
  if (!queues.data) return null;
  return (
    <ul className="grid grid-cols-3 gap-3 lg:grid-cols-5" aria-label={t("slots")}>
      {inOrder(queues.data).map((queue) => (
        <li key={queue.job_type}>
          <Card className="px-4 py-3">
            <p className="truncate text-ink-soft text-xs">{t(`types.${queue.job_type}`)}</p>
            <p className="mt-1 flex items-baseline gap-1.5">
              <span className="font-semibold text-lg tabular-nums">
                {t("slotsUsed", { used: queue.current_count, all: queue.max_concurrent })}
              </span>
              {queue.waiting_count > 0 && (
                <span className="text-ink-faint text-xs">
                  {t("slotsWaiting", { count: queue.waiting_count })}
                </span>
              )}
            </p>
            <div className="mt-2 flex gap-1" aria-hidden>
              {Array.from({ length: Math.min(queue.max_concurrent, 16) }, (_, slot) => (
                <span
                  // biome-ignore lint/suspicious/noArrayIndexKey: a slot is its position
                  key={slot}
                  className={cn(
                    "h-1.5 flex-1 rounded-full",
                    slot < queue.current_count ? "bg-accent" : "bg-line",
                  )}
                />
              ))}
            </div>
          </Card>
        </li>
      ))}
    </ul>
  );
}
