"use client";

import { ExternalLink } from "lucide-react";
import Link from "next/link";
import { useMemo, useState } from "react";
import { useTranslations } from "use-intl";
import { $api } from "@/api/client";
import type { Product, ProductImage, User } from "@/api/types";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { MediaImage } from "@/components/ui/media-image";
import { Skeleton } from "@/components/ui/states";
import { Tooltip } from "@/components/ui/tooltip";
import { ProductStatusBadge } from "@/features/products/product-status-badge";
import { useProductName } from "@/features/products/use-product-name";
import { ZoomDialog } from "@/features/products/zoom-dialog";
import { LockBadge } from "./lock-badge";
import type { LockState } from "./lock-keeper";

const SHOWN_VIEWS = 4;

/** Views from all around: every nth of the frames, beside the primary one. */
function chooseViews(all: ProductImage[]): ProductImage[] {
  const images = all.filter((image) => !image.is_primary);
  const step = Math.max(1, images.length / SHOWN_VIEWS);
  return images.filter((_, index) => Math.floor(index % step) === 0).slice(0, SHOWN_VIEWS);
}

type Props = { product: Product | undefined; lock: LockState; me: User };

/** The product that photos are compared with. */
export function ProductCard({ product, lock, me }: Props) {
  const t = useTranslations("matching");
  const productName = useProductName();
  if (!product) return <Skeleton className="h-56 [grid-area:product]" />;
  return (
    <Card className="flex flex-col gap-2.5 p-3 [grid-area:product]" aria-label={t("product")}>
      <div className="flex items-start gap-2">
        <div className="min-w-0 flex-1">
          <p className="truncate text-ink-soft text-xs">{product.brand_name ?? t("noBrand")}</p>
          <h2 className="line-clamp-2 font-semibold text-sm leading-tight">
            {productName({ product_name: product.product_name, variant_flavor: product.variant_flavor })}
          </h2>
        </div>
        <Tooltip label={t("openProduct")}>
          <Button asChild variant="ghost" size="icon-sm" className="-mt-1 -mr-1.5">
            <Link href={`/products/${product.id}`} aria-label={t("openProduct")}>
              <ExternalLink />
            </Link>
          </Button>
        </Tooltip>
      </div>
      <ProductViews product={product} />
      <ul className="flex flex-wrap gap-1" aria-label={t("barcodes")}>
        {product.barcodes.map((barcode) => (
          <li key={barcode} className="rounded-sm border border-line px-1.5 py-0.5 font-mono text-xs">
            {barcode}
          </li>
        ))}
      </ul>
      <div className="flex items-center gap-2 text-ink-soft text-xs">
        <ProductStatusBadge status={product.status} />
        <span className="tabular-nums" data-testid="real-count">
          {t("approvedCount", { count: product.real_count })}
        </span>
      </div>
      <LockBadge state={lock} me={me} />
    </Card>
  );
}

function ProductViews({ product }: { product: Product }) {
  const t = useTranslations("matching");
  const [openId, setOpenId] = useState<string | null>(null);
  const frames = $api.useQuery("get", "/api/v1/products/{product_id}/frames", {
    params: { path: { product_id: product.id } },
  });
  const images = frames.data?.synthetic ?? [];
  const views = useMemo(() => chooseViews(frames.data?.synthetic ?? []), [frames.data]);
  return (
    <div className="flex gap-2">
      <MediaImage
        identity={product.id}
        url={product.primary_image_url}
        alt={t("productImage")}
        isLazy={false}
        className="size-33 shrink-0 rounded-md object-contain"
      />
      <div className="grid flex-1 grid-cols-2 content-start gap-2">
        {views.map((image, index) => (
          <button
            key={image.id}
            type="button"
            aria-label={t("openView", { number: index + 1 })}
            onClick={() => setOpenId(image.id)}
            className="overflow-hidden rounded-md"
          >
            <MediaImage
              identity={image.id}
              url={image.thumbnail_url ?? image.url}
              alt=""
              className="aspect-square w-full"
            />
          </button>
        ))}
      </div>
      <ZoomDialog images={images} openId={openId} onOpen={setOpenId} />
    </div>
  );
}
