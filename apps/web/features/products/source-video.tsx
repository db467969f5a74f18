"use client";

import { VideoOff } from "lucide-react";
import { type Ref, useImperativeHandle, useRef } from "react";
import { useTranslations } from "use-intl";
import type { Video } from "@/api/types";
import { Card } from "@/components/ui/card";
import { useStableUrl } from "@/components/ui/media-image";
import { useQuantities } from "@/components/ui/quantities";
import { EmptyState } from "@/components/ui/states";

export type VideoHandle = { seek: (at_s: number) => void };

/** The video that the frames were cut from; a frame can make it jump to its own second. */
export function SourceVideo({ video, ref }: { video: Video | null; ref: Ref<VideoHandle> }) {
  const t = useTranslations("product");
  const { size, duration } = useQuantities();
  const player = useRef<HTMLVideoElement>(null);
  const media = useStableUrl(video?.id ?? "", video?.media_url ?? null);
  useImperativeHandle(ref, () => ({
    seek(at_s) {
      if (!player.current) return;
      player.current.pause();
      player.current.currentTime = at_s;
      player.current.scrollIntoView({ block: "nearest" });
    },
  }));

  if (!video || !media.url || media.hasFailed) {
    return (
      <Card>
        <EmptyState icon={VideoOff} title={video ? t("videoFailed") : t("noVideo")} />
      </Card>
    );
  }
  return (
    <Card className="overflow-hidden">
      <video
        ref={player}
        src={media.url}
        controls
        muted
        playsInline
        preload="metadata"
        aria-label={t("video", { filename: video.filename })}
        className="max-h-[62vh] w-full bg-black"
        onError={media.onError}
        onLoadedMetadata={media.onLoad}
      />
      <div className="px-4 py-2.5 text-xs">
        <p className="truncate font-medium" title={video.filename}>
          {video.filename}
        </p>
        <p className="text-ink-faint tabular-nums">
          {[
            size(video.size_bytes),
            video.duration_s !== null && duration(video.duration_s),
            video.width_px && `${video.width_px} × ${video.height_px}`,
          ]
            .filter(Boolean)
            .join(" · ")}
        </p>
      </div>
    </Card>
  );
}
