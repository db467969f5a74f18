"use client";

import { ImageUp } from "lucide-react";
import { useState } from "react";
import { useTranslations } from "use-intl";
import type { SearchAnswer } from "@/api/types";
import { Button } from "@/components/ui/button";
import { toBoxStyle } from "./box-style";

type Props = { url: string; box_xyxy: SearchAnswer["product_box_xyxy"]; onChoose: () => void };

/** The photo with the place where the product was found. */
export function PhotoPreview({ url, box_xyxy, onChoose }: Props) {
  const t = useTranslations("search");
  const [size, setSize] = useState({ url: "", width_px: 0, height_px: 0 });
  const isMeasured = size.url === url;
  return (
    <>
      <div className="grid place-items-center bg-sunken">
        <div className="relative">
          <img
            src={url}
            alt={t("photo")}
            className="max-h-[60vh] max-w-full"
            onLoad={({ currentTarget: image }) =>
              setSize({ url, width_px: image.naturalWidth, height_px: image.naturalHeight })
            }
          />
          {box_xyxy && isMeasured && (
            <div
              role="img"
              aria-label={t("box")}
              data-testid="product-box"
              className="viewfinder absolute animate-pop text-white [--corner:20px] [--stroke:3px] [filter:drop-shadow(0_0_2px_rgb(0_0_0/0.8))]"
              style={toBoxStyle(box_xyxy, size)}
            />
          )}
        </div>
      </div>
      <div className="flex items-center gap-3 border-line border-t px-4 py-2.5">
        <p className="min-w-0 flex-1 truncate text-ink-soft text-xs">
          {box_xyxy ? t("boxFound") : t("wholePhoto")}
        </p>
        <Button size="sm" onClick={onChoose}>
          <ImageUp aria-hidden /> {t("another")}
        </Button>
      </div>
    </>
  );
}
