"use client";

import { Copy } from "lucide-react";
import { useTranslations } from "use-intl";
import type { Photo, PhotoStatus } from "@/api/types";
import { Badge, type Tone } from "@/components/ui/badge";
import { cn } from "@/components/ui/class-names";
import { MediaImage } from "@/components/ui/media-image";

export const TILE_FOOTER_PX = 44;
export const PHOTO_TONES: Record<PhotoStatus, Tone> = {
  unassigned: "grey",
  assigned: "green",
  discarded: "red",
};

type Props = {
  photo: Photo;
  hasDuplicates: boolean;
  cell: Record<string, string | number | undefined>;
  onOpen: () => void;
};

export function PhotoTile({ photo, hasDuplicates, cell, onOpen }: Props) {
  const t = useTranslations("photos");
  return (
    <div {...cell} className="overflow-hidden rounded-lg border border-line bg-surface">
      <button
        type="button"
        onClick={onOpen}
        className="group relative flex size-full flex-col text-left focus-visible:outline-offset-[-2px]"
      >
        <MediaImage
          identity={photo.id}
          url={photo.thumbnail_url ?? photo.image_url}
          alt=""
          isLazy={false}
          className={cn("aspect-square w-full", photo.status === "discarded" && "opacity-30 grayscale")}
        />
        {photo.status !== "unassigned" && (
          <Badge tone={PHOTO_TONES[photo.status]} className="absolute top-1.5 left-1.5">
            {t(`statuses.${photo.status}`)}
          </Badge>
        )}
        {photo.read_at === null && photo.status === "unassigned" && (
          <Badge tone="blue" className="absolute top-1.5 left-1.5">
            {t("reading")}
          </Badge>
        )}
        {hasDuplicates && (
          <span
            title={t("hasDuplicates")}
            className="absolute top-1.5 right-1.5 grid size-6 place-items-center rounded-sm bg-black/75 text-white"
          >
            <Copy className="size-3.5" aria-hidden />
            <span className="sr-only">{t("hasDuplicates")}</span>
          </span>
        )}
        <span className="flex min-h-0 w-full flex-1 flex-col justify-center px-2 text-xs">
          <span className="truncate" title={photo.name}>
            {photo.name}
          </span>
          <span className="truncate text-ink-faint">{photo.source}</span>
        </span>
      </button>
    </div>
  );
}
