"use client";

import { ScanBarcode, SearchX } from "lucide-react";
import Link from "next/link";
import { type KeyboardEvent, useEffect, useRef } from "react";
import { useFormatter, useTranslations } from "use-intl";
import type { SearchAnswer, SearchHit } from "@/api/types";
import { cn } from "@/components/ui/class-names";
import { MediaImage } from "@/components/ui/media-image";
import { useQuantities } from "@/components/ui/quantities";
import { EmptyState } from "@/components/ui/states";
import { useProductName } from "@/features/products/use-product-name";

/** Ranked products; the arrow keys walk through them, Enter opens one. */
export function SearchResults({ answer }: { answer: SearchAnswer }) {
  const t = useTranslations("search");
  const format = useFormatter();
  const list = useRef<HTMLOListElement>(null);
  useEffect(() => list.current?.querySelector("a")?.focus({ preventScroll: true }), []);

  function onKeyDown(event: KeyboardEvent) {
    const by = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (by === 0) return;
    event.preventDefault();
    const links = [...(list.current?.querySelectorAll("a") ?? [])];
    const at = links.indexOf(document.activeElement as HTMLAnchorElement);
    links[Math.max(0, Math.min(links.length - 1, at + by))]?.focus();
  }

  if (answer.results.length === 0) {
    return (
      <EmptyState icon={SearchX} title={t("empty")}>
        {t("emptyText")}
      </EmptyState>
    );
  }
  return (
    <>
      <div className="flex items-center gap-3 border-line border-b px-4 py-2.5">
        <h2 className="flex-1 font-semibold text-sm" aria-live="polite">
          {t("results", { count: answer.results.length })}
        </h2>
        <p className="text-ink-faint text-xs tabular-nums">
          {t("compared", {
            count: answer.n_vectors,
            seconds: format.number(answer.seconds, { maximumFractionDigits: 2 }),
          })}
        </p>
      </div>
      {answer.barcodes_seen.length > 0 && (
        <p className="flex items-center gap-2 border-line border-b bg-blue-soft px-4 py-2 text-blue-text text-xs">
          <ScanBarcode className="size-4" aria-hidden /> {t("barcodesSeen")}
          <span className="font-mono">{answer.barcodes_seen.join(", ")}</span>
        </p>
      )}
      <ol ref={list} onKeyDown={onKeyDown}>
        {answer.results.map((hit, index) => (
          <SearchResultRow key={hit.product_id} hit={hit} rank={index + 1} />
        ))}
      </ol>
      <p className="border-line border-t px-4 py-2 text-2xs text-ink-faint">
        {t("encoder", {
          name: answer.encoder.name,
          dim: answer.encoder.dim,
          preprocessing: answer.encoder.preprocessing,
        })}
      </p>
    </>
  );
}

function SearchResultRow({ hit, rank }: { hit: SearchHit; rank: number }) {
  const t = useTranslations("search");
  const productName = useProductName();
  const { percent } = useQuantities();
  return (
    <li>
      <Link
        href={`/products/${hit.product_id}`}
        className={cn(
          "flex items-center gap-4 border-line border-b px-4 py-2 hover:bg-hover focus-visible:outline-offset-[-2px]",
          rank === 1 && "bg-accent-soft/60",
        )}
      >
        <span className="w-5 text-right font-medium text-ink-faint text-sm tabular-nums">{rank}</span>
        <MediaImage
          identity={hit.image_id}
          url={hit.thumbnail_url ?? hit.image_url}
          alt={t("matched")}
          isLazy={false}
          className={cn("shrink-0 rounded-md", rank === 1 ? "size-20" : "size-12")}
        />
        <span className="min-w-0 flex-1">
          <span className="block truncate font-medium text-sm">
            {productName({ product_name: hit.product_name, variant_flavor: hit.variant_flavor })}
          </span>
          <span className="block truncate text-ink-soft text-xs">
            {hit.brand_name}
            {hit.barcode && <span className="ml-2 font-mono text-ink-faint">{hit.barcode}</span>}
          </span>
        </span>
        <span className="w-36 shrink-0">
          <span className="block text-right font-medium text-sm tabular-nums">
            {percent(hit.similarity, 1)}
          </span>
          <span className="mt-1 block h-1.5 overflow-hidden rounded-full bg-line" aria-hidden>
            <span
              className={cn("block h-full rounded-full", rank === 1 ? "bg-accent" : "bg-ink-faint")}
              style={{ width: `${Math.max(0, hit.similarity) * 100}%` }}
            />
          </span>
        </span>
      </Link>
    </li>
  );
}
