import { useTranslations } from "use-intl";
import type { JobStatus } from "@/api/types";
import { Badge, type Tone } from "@/components/ui/badge";

const TONES: Record<JobStatus, Tone> = {
  pending: "grey",
  queued: "yellow",
  processing: "blue",
  completed: "green",
  failed: "red",
  cancelled: "grey",
};

export function JobStatusBadge({ status }: { status: JobStatus }) {
  const t = useTranslations("jobs");
  return <Badge tone={TONES[status]}>{t(`statuses.${status}`)}</Badge>;
}
