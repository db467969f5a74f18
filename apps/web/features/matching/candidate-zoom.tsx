"use client";

import { useFormatter, useTranslations } from "use-intl";
import type { Candidate, Product } from "@/api/types";
import { Badge, type Tone } from "@/components/ui/badge";
import { Dialog, DialogContent } from "@/components/ui/dialog";
import { Kbd } from "@/components/ui/kbd";
import { MediaImage } from "@/components/ui/media-image";
import { useQuantities } from "@/components/ui/quantities";
import { useProductName } from "@/features/products/use-product-name";
import type { Deck } from "./deck";

const TONES: Record<string, Tone> = { approved: "green", rejected: "red", skipped: "grey", taken: "yellow" };

type Props = { isOpen: boolean; onOpen: (isOpen: boolean) => void; deck: Deck; product: Product };

/** The photo large, beside the product; every shortcut of the page works here, too. */
export function CandidateZoom({ isOpen, onOpen, deck, product }: Props) {
  const t = useTranslations("matching");
  const productName = useProductName();
  const card = deck.cards[deck.focus];
  const state = card && (deck.taken.has(card.id) ? "taken" : deck.decisions.get(card.id));
  return (
    <Dialog open={isOpen && card !== undefined} onOpenChange={onOpen}>
      {card && (
        <DialogContent
          data-shortcuts
          title={t("zoomTitle", { number: deck.focus + 1, all: deck.cards.length })}
          className="w-[min(70rem,calc(100vw-2rem))]"
          onOpenAutoFocus={(event) => {
            event.preventDefault();
            (event.currentTarget as HTMLElement).focus();
          }}
        >
          <div className="grid min-h-0 gap-5 overflow-y-auto px-5 pb-4 md:grid-cols-[minmax(0,3fr)_minmax(0,2fr)]">
            <figure className="flex min-w-0 flex-col gap-2">
              <MediaImage
                identity={card.id}
                url={card.image_url}
                alt={card.name}
                isLazy={false}
                className="h-[60vh] w-full rounded-md object-contain"
              />
              <figcaption className="flex items-center gap-2 text-sm">
                <span className="min-w-0 flex-1 truncate">{card.name}</span>
                {state && <Badge tone={TONES[state] ?? "grey"}>{t(`states.${state}`)}</Badge>}
                {deck.selected.has(card.id) && <Badge tone="blue">{t("selected")}</Badge>}
              </figcaption>
            </figure>
            <figure className="flex min-w-0 flex-col gap-2">
              <MediaImage
                identity={product.id}
                url={product.primary_image_url}
                alt={productName(product)}
                isLazy={false}
                className="h-[36vh] w-full rounded-md bg-black object-contain"
              />
              <figcaption className="truncate text-sm">{productName(product)}</figcaption>
              <CandidateFacts card={card} />
            </figure>
          </div>
          <p className="border-line border-t px-5 py-2.5 text-ink-faint text-xs">
            <Kbd>←</Kbd> <Kbd>→</Kbd> {t("zoomKeys")} · <Kbd>A</Kbd> <Kbd>R</Kbd> <Kbd>S</Kbd>{" "}
            {t("zoomDecide")} · <Kbd>Space</Kbd> {t("zoomSelect")}
          </p>
        </DialogContent>
      )}
    </Dialog>
  );
}

function CandidateFacts({ card }: { card: Candidate }) {
  const t = useTranslations("matching");
  const format = useFormatter();
  const { percent } = useQuantities();
  const facts = [
    [t("similarity"), card.similarity === null ? t("noVector") : percent(card.similarity, 1)],
    [t("confidence"), percent(Math.floor(card.confidence * 100) / 100)],
    [t("tier"), t(`tiers.${card.tier}`)],
    [t("barcode"), card.barcode],
    [t("source"), card.source],
    [t("captured"), card.captured_at && format.dateTime(new Date(card.captured_at), { dateStyle: "medium" })],
    [t("size"), card.width_px && `${card.width_px} × ${card.height_px}`],
    [
      t("together"),
      card.photo_ids.length > 1 ? t("duplicates", { count: card.photo_ids.length }) : undefined,
    ],
  ] as const;
  return (
    <dl className="mt-2 grid grid-cols-[auto_1fr] gap-x-4 gap-y-1 text-sm">
      {facts.map(
        ([name, value]) =>
          value && (
            <div key={name} className="col-span-2 grid grid-cols-subgrid">
              <dt className="text-ink-soft">{name}</dt>
              <dd className="truncate text-right tabular-nums">{value}</dd>
            </div>
          ),
      )}
    </dl>
  );
}
