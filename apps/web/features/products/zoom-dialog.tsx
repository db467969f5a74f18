"use client";

import { ChevronLeft, ChevronRight, Play } from "lucide-react";
import { type KeyboardEvent, useId, useState } from "react";
import { useFormatter, useTranslations } from "use-intl";
import type { ProductImage } from "@/api/types";
import { Button } from "@/components/ui/button";
import { Checkbox } from "@/components/ui/checkbox";
import { Dialog, DialogContent } from "@/components/ui/dialog";
import { Kbd } from "@/components/ui/kbd";
import { useQuantities } from "@/components/ui/quantities";
import { CutOut } from "./cut-out";

type Props = {
  images: ProductImage[];
  openId: string | null;
  onOpen: (id: string | null) => void;
  onSeek?: (at_s: number) => void;
};

/** One picture large, with its measures; the arrow keys walk through the others. */
export function ZoomDialog({ images, openId, onOpen, onSeek }: Props) {
  const t = useTranslations("gallery");
  const [isCutOut, setIsCutOut] = useState(false);
  const index = images.findIndex((image) => image.id === openId);
  const image = images[index];

  function step(by: number) {
    const next = images[(index + by + images.length) % images.length];
    if (next) onOpen(next.id);
  }
  function onKeyDown(event: KeyboardEvent) {
    if (event.key === "ArrowLeft") step(-1);
    else if (event.key === "ArrowRight") step(1);
    else if (event.key === "m") setIsCutOut((before) => !before);
    else return;
    event.preventDefault();
  }

  return (
    <Dialog open={image !== undefined} onOpenChange={(isOpen) => !isOpen && onOpen(null)}>
      {image && (
        <DialogContent
          title={t("title", { number: index + 1, all: images.length })}
          className="w-[min(60rem,calc(100vw-2rem))]"
          onKeyDown={onKeyDown}
          // The picture is what a person looks at: no button is lit up when the window opens.
          onOpenAutoFocus={(event) => {
            event.preventDefault();
            (event.currentTarget as HTMLElement).focus();
          }}
        >
          <div className="grid min-h-0 gap-5 overflow-y-auto px-5 pb-5 md:grid-cols-[minmax(0,1fr)_15rem]">
            <div className="relative">
              <CutOut image={image} isCutOut={isCutOut && image.matte_url !== null} />
              <Button
                size="icon"
                className="absolute top-1/2 left-2 -translate-y-1/2"
                aria-label={t("previous")}
                onClick={() => step(-1)}
              >
                <ChevronLeft />
              </Button>
              <Button
                size="icon"
                className="absolute top-1/2 right-2 -translate-y-1/2"
                aria-label={t("next")}
                onClick={() => step(1)}
              >
                <ChevronRight />
              </Button>
            </div>
            <ZoomFacts
              image={image}
              isCutOut={isCutOut}
              onCutOut={setIsCutOut}
              onSeek={
                onSeek &&
                ((at_s) => {
                  onOpen(null);
                  onSeek(at_s);
                })
              }
            />
          </div>
        </DialogContent>
      )}
    </Dialog>
  );
}

const MEASURES = ["score", "confidence", "completeness", "occlusion", "mask_fraction"] as const;

type FactsProps = {
  image: ProductImage;
  isCutOut: boolean;
  onCutOut: (isCutOut: boolean) => void;
  onSeek?: (at_s: number) => void;
};

function ZoomFacts({ image, isCutOut, onCutOut, onSeek }: FactsProps) {
  const t = useTranslations("gallery");
  const format = useFormatter();
  const { second, percent } = useQuantities();
  const switchId = useId();
  const at_s = image.video_time_s;
  return (
    <div className="flex flex-col gap-4">
      <dl className="grid grid-cols-[1fr_auto] gap-x-4 gap-y-1.5 text-sm">
        <dt className="text-ink-soft">{t("size")}</dt>
        <dd className="tabular-nums">{`${image.width_px} × ${image.height_px}`}</dd>
        {at_s !== null && (
          <>
            <dt className="text-ink-soft">{t("videoTime")}</dt>
            <dd className="tabular-nums">{second(at_s)}</dd>
          </>
        )}
        {image.quality && (
          <>
            {MEASURES.map((name) => (
              <Measure
                key={name}
                label={t(`measures.${name}`)}
                value={percent(image.quality?.[name] ?? 0, name === "mask_fraction" ? 1 : 0)}
              />
            ))}
            <Measure
              label={t("measures.sharpness")}
              value={format.number(image.quality.sharpness, { maximumFractionDigits: 0 })}
            />
          </>
        )}
      </dl>
      {image.matte_url && (
        <label htmlFor={switchId} className="flex items-center gap-2 text-sm">
          <Checkbox
            id={switchId}
            checked={isCutOut}
            onCheckedChange={(checked) => onCutOut(checked === true)}
          />
          {t("cutOut")} <Kbd>M</Kbd>
        </label>
      )}
      {onSeek && at_s !== null && (
        <Button onClick={() => onSeek(at_s)}>
          <Play aria-hidden /> {t("seek", { time: second(at_s) })}
        </Button>
      )}
      <p className="mt-auto text-ink-faint text-xs">
        <Kbd>←</Kbd> <Kbd>→</Kbd> {t("keys")}
      </p>
    </div>
  );
}

function Measure({ label, value }: { label: string; value: string }) {
  return (
    <>
      <dt className="text-ink-soft">{label}</dt>
      <dd className="text-right tabular-nums">{value}</dd>
    </>
  );
}
