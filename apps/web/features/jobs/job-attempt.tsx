import { useTranslations } from "use-intl";
import type { Job } from "@/api/types";

/** Which attempt it is, of how many; work that made way for others has more than it may fail. */
export function JobAttempt({ job }: { job: Job }) {
  const t = useTranslations("jobs");
  if (job.attempt === 0) return "–";
  return job.attempt > job.max_attempts
    ? String(job.attempt)
    : t("attemptOf", { attempt: job.attempt, all: job.max_attempts });
}
