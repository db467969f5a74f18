"use client";

import { SquareCheckBig, Trash2 } from "lucide-react";
import Link from "next/link";
import { useRouter } from "next/navigation";
import { useEffect, useState } from "react";
import { useTranslations } from "use-intl";
import type { Product } from "@/api/types";
import { Button } from "@/components/ui/button";
import { MediaImage } from "@/components/ui/media-image";
import { TimeAgo } from "@/components/ui/quantities";
import { useIsOperator } from "@/features/accounts/use-is-operator";
import { DeleteProductDialog } from "./delete-product-dialog";
import { ProductStatusBadge } from "./product-status-badge";
import { useProductName } from "./use-product-name";

export function ProductHeader({ product }: { product: Product }) {
  const t = useTranslations("product");
  const isOperator = useIsOperator();
  const router = useRouter();
  const productName = useProductName();
  const [isDeleting, setIsDeleting] = useState(false);
  const name = productName({ product_name: product.product_name, variant_flavor: product.variant_flavor });
  useEffect(() => {
    document.title = `${name} · Buybuddy`;
  }, [name]);

  return (
    <header className="flex items-start gap-4">
      <MediaImage
        identity={product.id}
        url={product.primary_image_url}
        alt=""
        isLazy={false}
        className="size-18 shrink-0 rounded-lg border border-line"
      />
      <div className="min-w-0 flex-1">
        <p className="text-ink-soft text-sm">
          {[product.brand_name, product.sub_brand].filter(Boolean).join(" · ") || t("noBrand")}
        </p>
        <h1 className="truncate font-semibold text-xl tracking-tight">{name}</h1>
        <div className="mt-1.5 flex flex-wrap items-center gap-x-3 gap-y-1 text-ink-soft text-xs">
          <ProductStatusBadge status={product.status} />
          <span>{t("frames", { count: product.frame_count })}</span>
          {product.barcodes.map((barcode) => (
            <span
              key={barcode}
              className="rounded-sm border border-line bg-surface px-1.5 py-0.5 font-mono text-ink"
            >
              {barcode}
              {barcode === product.barcode && product.barcodes.length > 1 && (
                <span className="ml-1.5 font-sans text-ink-faint">{t("primary")}</span>
              )}
            </span>
          ))}
          <span>
            {t("updated")} <TimeAgo at={product.updated_at} />
          </span>
        </div>
      </div>
      {product.status === "needs_matching" && (
        <Button asChild variant="primary">
          <Link href={`/matching?product=${product.id}`}>
            <SquareCheckBig aria-hidden /> {t("match")}
          </Link>
        </Button>
      )}
      {isOperator && (
        <Button variant="ghost" onClick={() => setIsDeleting(true)}>
          <Trash2 aria-hidden /> {t("delete")}
        </Button>
      )}
      <DeleteProductDialog
        product={isDeleting ? product : null}
        onClose={() => setIsDeleting(false)}
        onDeleted={() => router.push("/products")}
      />
    </header>
  );
}
