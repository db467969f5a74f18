"use client";

import { useEffect, useRef } from "react";
import { useTranslations } from "use-intl";
import type { ProductImage } from "@/api/types";
import { MediaImage } from "@/components/ui/media-image";

const load = (url: string) =>
  new Promise<HTMLImageElement>((resolve, reject) => {
    const image = new Image();
    image.onload = () => resolve(image);
    image.onerror = () => reject(new Error("the picture could not be loaded"));
    image.src = url;
  });

/** Draw the picture with its 8-bit matte as alpha. */
function compose(canvas: HTMLCanvasElement, picture: HTMLImageElement, matte: HTMLImageElement) {
  canvas.width = picture.naturalWidth;
  canvas.height = picture.naturalHeight;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) return;
  context.drawImage(matte, 0, 0, canvas.width, canvas.height);
  const alpha = context.getImageData(0, 0, canvas.width, canvas.height).data;
  context.drawImage(picture, 0, 0);
  const pixels = context.getImageData(0, 0, canvas.width, canvas.height);
  for (let at = 0; at < alpha.length; at += 4) pixels.data[at + 3] = alpha[at] ?? 0;
  context.putImageData(pixels, 0, 0);
}

/** The picture as stored, or cut out by its matte on a checkerboard. */
export function CutOut({ image, isCutOut }: { image: ProductImage; isCutOut: boolean }) {
  const t = useTranslations("gallery");
  const canvas = useRef<HTMLCanvasElement>(null);
  const { url, matte_url } = image;

  useEffect(() => {
    if (!isCutOut || !matte_url) return;
    let isCurrent = true;
    Promise.all([load(url), load(matte_url)])
      .then(([picture, matte]) => {
        if (isCurrent && canvas.current) compose(canvas.current, picture, matte);
      })
      .catch(() => undefined);
    return () => {
      isCurrent = false;
    };
  }, [isCutOut, url, matte_url]);

  if (isCutOut) {
    return (
      <canvas
        ref={canvas}
        role="img"
        aria-label={t("cutOutImage")}
        className="checkerboard aspect-square max-h-[70vh] w-full rounded-md object-contain"
      />
    );
  }
  return (
    <MediaImage
      identity={image.id}
      url={url}
      alt={t("image")}
      isLazy={false}
      className="aspect-square max-h-[70vh] w-full rounded-md bg-black object-contain"
    />
  );
}
