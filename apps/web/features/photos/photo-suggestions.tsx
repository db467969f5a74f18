"use client";

import Link from "next/link";
import { useTranslations } from "use-intl";
import { $api } from "@/api/client";
import type { Photo, Suggestion } from "@/api/types";
import { Button } from "@/components/ui/button";
import { MediaImage } from "@/components/ui/media-image";
import { useQuantities } from "@/components/ui/quantities";
import { ErrorState, LoadingRows } from "@/components/ui/states";
import { useProductName } from "@/features/products/use-product-name";

const USUAL_THRESHOLD = 0.7;
const LEAST_THRESHOLD = 0.5;

/** The way to match the product, with the similarity low enough for this photo to come up. */
function matchingPath({ product_id, similarity }: Suggestion): string {
  const threshold = Math.max(LEAST_THRESHOLD, Math.floor(similarity * 100) / 100);
  const suffix = similarity < USUAL_THRESHOLD ? `&threshold=${threshold.toFixed(2)}` : "";
  return `/matching?product=${product_id}${suffix}`;
}

/** Products that a photo may show: the owners of its barcodes, then the most similar. */
export function PhotoSuggestions({ photo }: { photo: Photo }) {
  const t = useTranslations("photos");
  const { percent } = useQuantities();
  const productName = useProductName();
  const suggestions = $api.useQuery(
    "get",
    "/api/v1/matching/suggestions/{photo_id}",
    { params: { path: { photo_id: photo.id } } },
    { enabled: photo.read_at !== null },
  );
  // Below what the matching page can be set to, only a barcode brings the photo up there.
  const hasBarcode = photo.barcode !== null || photo.barcodes_seen.length > 0;
  const shown = suggestions.data?.filter((one) => hasBarcode || one.similarity >= LEAST_THRESHOLD) ?? [];
  return (
    <section>
      <h3 className="mb-1 font-semibold text-xs">{t("suggestions")}</h3>
      {photo.read_at === null ? (
        <p className="text-ink-soft text-xs">{t("noSuggestionsYet")}</p>
      ) : suggestions.isPending ? (
        <LoadingRows count={3} className="p-0" />
      ) : suggestions.isError ? (
        <ErrorState error={suggestions.error} onRetry={() => void suggestions.refetch()} />
      ) : shown.length === 0 ? (
        <p className="text-ink-soft text-xs">{t("noSuggestions")}</p>
      ) : (
        <ul className="flex flex-col gap-1">
          {shown.map((one) => (
            <li key={one.product_id} className="flex items-center gap-2">
              <MediaImage
                identity={one.product_id}
                url={one.thumbnail_url ?? one.image_url}
                alt=""
                className="size-9 shrink-0 rounded-md"
              />
              <span className="min-w-0 flex-1">
                <span className="block truncate text-xs" title={productName(one)}>
                  {productName(one)}
                </span>
                <span className="block text-ink-faint text-xs tabular-nums">{percent(one.similarity)}</span>
              </span>
              <Button size="sm" asChild>
                <Link href={matchingPath(one)}>{t("match")}</Link>
              </Button>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
