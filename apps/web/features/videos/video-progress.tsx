import { CircleAlert } from "lucide-react";
import { useTranslations } from "use-intl";
import { isRunning, spentSeconds, type Video } from "@/api/types";
import { useQuantities } from "@/components/ui/quantities";
import { JobProgress } from "@/features/jobs/job-progress";

/** Live progress while a job runs, the reason in plain sight when it failed. */
export function VideoProgress({ video }: { video: Video }) {
  const t = useTranslations("videos");
  const { duration } = useQuantities();
  if (video.job && isRunning(video.job)) return <JobProgress job={video.job} />;
  const reason = video.error ?? video.job?.error_message;
  if (video.status === "failed") {
    return (
      <p className="flex gap-1.5 text-red-text text-xs" title={reason ?? undefined}>
        <CircleAlert className="mt-0.5 size-3.5 shrink-0" aria-hidden />
        <span className="line-clamp-2">{reason || t("unknownReason")}</span>
      </p>
    );
  }
  if (video.status === "pending") return <span className="text-ink-faint text-xs">{t("notStarted")}</span>;
  const seconds = video.job && spentSeconds(video.job);
  return seconds === null ? null : (
    <span className="text-ink-faint text-xs">{t("took", { duration: duration(seconds) })}</span>
  );
}
