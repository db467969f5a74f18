"use client";

import { Images, Star } from "lucide-react";
import { useState } from "react";
import { useTranslations } from "use-intl";
import type { ProductImage } from "@/api/types";
import { Card } from "@/components/ui/card";
import { MediaImage } from "@/components/ui/media-image";
import { useQuantities } from "@/components/ui/quantities";
import { EmptyState } from "@/components/ui/states";
import { ZoomDialog } from "./zoom-dialog";

type Props = {
  name: "synthetic" | "real" | "augmented";
  images: ProductImage[];
  onSeek?: (at_s: number) => void;
};

export function Gallery({ name, images, onSeek }: Props) {
  const t = useTranslations("gallery");
  const { second } = useQuantities();
  const [openId, setOpenId] = useState<string | null>(null);

  if (images.length === 0) {
    return (
      <Card>
        <EmptyState icon={Images} title={t(`empty.${name}`)}>
          {t(`emptyText.${name}`)}
        </EmptyState>
      </Card>
    );
  }
  return (
    <>
      <ul className="grid grid-cols-[repeat(auto-fill,minmax(9rem,1fr))] gap-2.5">
        {images.map((image, index) => (
          <li key={image.id}>
            <button
              type="button"
              onClick={() => setOpenId(image.id)}
              className="group relative block w-full overflow-hidden rounded-lg border border-line hover:border-line-strong"
            >
              <span className="sr-only">{t("open", { number: index + 1 })}</span>
              <MediaImage
                identity={image.id}
                url={image.thumbnail_url ?? image.url}
                alt=""
                className="aspect-square w-full transition-transform group-hover:scale-[1.03]"
              />
              {image.is_primary && (
                <span className="absolute top-1.5 left-1.5 flex items-center gap-1 rounded-sm bg-accent px-1.5 py-0.5 font-medium text-2xs text-accent-ink">
                  <Star className="size-3" aria-hidden /> {t("primary")}
                </span>
              )}
              {image.video_time_s !== null && (
                <span className="absolute right-1.5 bottom-1.5 rounded-sm bg-black/70 px-1 py-0.5 text-2xs text-white tabular-nums">
                  {second(image.video_time_s)}
                </span>
              )}
            </button>
          </li>
        ))}
      </ul>
      <ZoomDialog images={images} openId={openId} onOpen={setOpenId} onSeek={onSeek} />
    </>
  );
}
