"use client";

import { ChevronLeft, ChevronRight, Copy, RotateCcw, Trash2 } from "lucide-react";
import Link from "next/link";
import type { KeyboardEvent } from "react";
import { useFormatter, useTranslations } from "use-intl";
import { $api } from "@/api/client";
import type { Photo } from "@/api/types";
import { Badge } from "@/components/ui/badge";
import { Button } from "@/components/ui/button";
import { Dialog, DialogContent } from "@/components/ui/dialog";
import { MediaImage } from "@/components/ui/media-image";
import { useQuantities } from "@/components/ui/quantities";
import { ErrorState, LoadingRows } from "@/components/ui/states";
import { useIsOperator } from "@/features/accounts/use-is-operator";
import { useProductName } from "@/features/products/use-product-name";
import { PhotoSuggestions } from "./photo-suggestions";
import { PHOTO_TONES } from "./photo-tile";
import { usePhotoActions } from "./use-photo-actions";

type Props = {
  id: string;
  photos: Photo[];
  onOpen: (id: string) => void;
  onGroup: (groupId: string) => void;
};

/** One photo large, with what is known of it; the arrow keys walk through the others. */
export function PhotoDialog({ id, photos, onOpen, onGroup }: Props) {
  const t = useTranslations("photos");
  const index = photos.findIndex((photo) => photo.id === id);
  const listed = photos[index];
  const asked = $api.useQuery(
    "get",
    "/api/v1/real-images/{photo_id}",
    { params: { path: { photo_id: id } } },
    { enabled: id !== "" },
  );
  const photo = asked.data ?? listed;

  function step(by: number) {
    const next = photos[(index + by + photos.length) % photos.length];
    if (next) onOpen(next.id);
  }
  function onKeyDown(event: KeyboardEvent) {
    const by = event.key === "ArrowLeft" ? -1 : event.key === "ArrowRight" ? 1 : 0;
    if (by === 0 || photos.length === 0) return;
    event.preventDefault();
    step(by);
  }

  return (
    <Dialog open={id !== ""} onOpenChange={(isOpen) => !isOpen && onOpen("")}>
      <DialogContent
        title={photo?.name ?? t("photo")}
        className="w-[min(64rem,calc(100vw-2rem))]"
        onKeyDown={onKeyDown}
        onOpenAutoFocus={(event) => {
          event.preventDefault();
          (event.currentTarget as HTMLElement).focus();
        }}
      >
        {photo ? (
          <div className="grid min-h-0 gap-5 overflow-y-auto px-5 pb-5 md:grid-cols-[minmax(0,1fr)_19rem]">
            <div className="relative">
              <MediaImage
                identity={photo.id}
                url={photo.image_url}
                alt={photo.name}
                isLazy={false}
                className="h-[68vh] w-full rounded-md object-contain"
              />
              {photos.length > 1 && (
                <>
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
                </>
              )}
            </div>
            <PhotoFacts photo={photo} onGroup={onGroup} />
          </div>
        ) : asked.isError ? (
          <ErrorState error={asked.error} onRetry={() => void asked.refetch()} />
        ) : (
          <LoadingRows />
        )}
      </DialogContent>
    </Dialog>
  );
}

function PhotoFacts({ photo, onGroup }: { photo: Photo; onGroup: (groupId: string) => void }) {
  const t = useTranslations("photos");
  const format = useFormatter();
  const { size } = useQuantities();
  const isOperator = useIsOperator();
  const { discard, restore, isBusy } = usePhotoActions();
  const group = $api.useQuery("get", "/api/v1/real-images", {
    params: { query: { group: photo.group_id, limit: 1 } },
  });
  const otherCount = (group.data?.total ?? 1) - 1;
  const day = (at: string) => format.dateTime(new Date(at), { dateStyle: "medium", timeStyle: "short" });
  const facts = [
    ["source", photo.source],
    ["captured", photo.captured_at && day(photo.captured_at)],
    ["added", day(photo.created_at)],
    ["size", photo.width_px && `${photo.width_px} × ${photo.height_px}`],
    ["bytes", size(photo.size_bytes)],
    ["barcode", photo.barcode],
    ["seen", photo.barcodes_seen.join(", ")],
    ["problem", photo.problem],
  ] as const;
  return (
    <div className="flex flex-col gap-4 text-sm">
      <div className="flex flex-wrap items-center gap-2">
        <Badge tone={PHOTO_TONES[photo.status]}>{t(`statuses.${photo.status}`)}</Badge>
        {otherCount > 0 && (
          <Button size="sm" variant="ghost" onClick={() => onGroup(photo.group_id)}>
            <Copy aria-hidden /> {t("group", { count: otherCount })}
          </Button>
        )}
      </div>
      <dl className="grid grid-cols-[auto_1fr] gap-x-4 gap-y-1">
        {facts.map(
          ([name, value]) =>
            value && (
              <div key={name} className="col-span-2 grid grid-cols-subgrid">
                <dt className="text-ink-soft">{t(`facts.${name}`)}</dt>
                <dd className="break-words text-right tabular-nums">{value}</dd>
              </div>
            ),
        )}
      </dl>
      {photo.product_id && <AssignedProduct productId={photo.product_id} />}
      {photo.status === "unassigned" && <PhotoSuggestions photo={photo} />}
      {isOperator && photo.status === "unassigned" && (
        <Button className="mt-auto" isBusy={isBusy} onClick={() => discard([photo.id])}>
          <Trash2 aria-hidden /> {t("discard")}
        </Button>
      )}
      {isOperator && photo.status === "discarded" && !photo.problem && (
        <Button className="mt-auto" isBusy={isBusy} onClick={() => restore([photo.id])}>
          <RotateCcw aria-hidden /> {t("restore")}
        </Button>
      )}
    </div>
  );
}

function AssignedProduct({ productId }: { productId: string }) {
  const t = useTranslations("photos");
  const productName = useProductName();
  const product = $api.useQuery("get", "/api/v1/products/{product_id}", {
    params: { path: { product_id: productId } },
  });
  return (
    <section>
      <h3 className="mb-1 font-semibold text-xs">{t("product")}</h3>
      <Link
        href={`/products/${productId}?tab=real`}
        className="flex items-center gap-2.5 rounded-md border border-line p-2 hover:bg-hover"
      >
        <MediaImage
          identity={productId}
          url={product.data?.thumbnail_url ?? null}
          alt=""
          className="size-10 shrink-0 rounded-md"
        />
        <span className="min-w-0">
          <span className="block truncate font-medium">{product.data ? productName(product.data) : "…"}</span>
          <span className="block truncate font-mono text-ink-faint text-xs">{product.data?.barcode}</span>
        </span>
      </Link>
    </section>
  );
}
