"use client";

import { useTranslations } from "use-intl";
import type { Job } from "@/api/types";
import { cn } from "@/components/ui/class-names";
import { Progress } from "@/components/ui/progress";
import { useQuantities } from "@/components/ui/quantities";
import { useStepName } from "./use-step-name";

/** Bar, step and remaining time of a job that waits or runs. */
export function JobProgress({ job, className }: { job: Job; className?: string }) {
  const t = useTranslations("jobs");
  const stepName = useStepName();
  const { duration, percent } = useQuantities();
  const isWaiting = job.status !== "processing";
  const step = job.cancel_requested_at
    ? t("cancelling")
    : stepName(job.current_step) || (isWaiting ? t("waiting") : t("starting"));
  return (
    <div className={cn("min-w-0", className)}>
      <div className="mb-1 flex items-baseline gap-2 text-xs">
        <span className="min-w-0 flex-1 truncate text-ink-soft">{step}</span>
        {job.remaining_s !== null && !isWaiting && (
          <span className="whitespace-nowrap text-ink-faint tabular-nums">
            {t("remaining", { duration: duration(job.remaining_s) })}
          </span>
        )}
        {!isWaiting && <span className="font-medium tabular-nums">{percent(job.progress / 100)}</span>}
      </div>
      <Progress value={job.progress} label={t("progressOf", { label: job.subject.label })} />
    </div>
  );
}
