import { useTranslations } from "use-intl";
import type { VideoStatus } from "@/api/types";
import { Badge, type Tone } from "@/components/ui/badge";

const TONES: Record<VideoStatus, Tone> = {
  pending: "yellow",
  processing: "blue",
  completed: "green",
  failed: "red",
};

export function VideoStatusBadge({ status }: { status: VideoStatus }) {
  const t = useTranslations("videos");
  return <Badge tone={TONES[status]}>{t(`statuses.${status}`)}</Badge>;
}
