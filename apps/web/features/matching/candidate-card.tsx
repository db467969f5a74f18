"use client";

import { Ban, Check, Copy, FastForward, ScanBarcode, X, ZoomIn } from "lucide-react";
import { useTranslations } from "use-intl";
import type { Candidate, Decision } from "@/api/types";
import { cn } from "@/components/ui/class-names";
import { MediaImage } from "@/components/ui/media-image";
import { TimeAgo, useQuantities } from "@/components/ui/quantities";
import type { Taken } from "./deck";

export const CARD_FOOTER_PX = 46;

const RIBBONS = {
  approved: { icon: Check, className: "bg-green-soft text-green-text" },
  rejected: { icon: X, className: "bg-sunken text-ink-soft" },
  skipped: { icon: FastForward, className: "bg-sunken text-ink-soft" },
} as const;

type Props = {
  card: Candidate;
  decision: Decision | null;
  taken: Taken | null;
  isSelected: boolean;
  hasFocus: boolean;
  cell: Record<string, string | number | undefined>;
  onToggle: () => void;
  onZoom: () => void;
};

/** One photo, or several near-duplicates that are decided together. */
export function CandidateCard(props: Props) {
  const { card, decision, taken, isSelected, hasFocus, cell, onToggle, onZoom } = props;
  const t = useTranslations("matching");
  const { percent } = useQuantities();
  // Rounded down, so that no card shows a figure that it has not reached.
  const similarity =
    card.similarity === null ? t("noVector") : percent(Math.floor(card.similarity * 100) / 100);
  const Ribbon = decision && RIBBONS[decision];
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the page's shortcuts are the keyboard's way
    // biome-ignore lint/a11y/useSemanticElements: rows of pictures are no table
    <div
      {...cell}
      role="gridcell"
      tabIndex={hasFocus ? 0 : -1}
      aria-selected={isSelected}
      data-state={taken ? "taken" : (decision ?? "open")}
      onClick={onToggle}
      onDoubleClick={onZoom}
      className={cn(
        "group relative flex cursor-pointer flex-col overflow-hidden rounded-lg border-2 border-line bg-surface hover:border-line-strong",
        decision === "approved" && "border-green-dot hover:border-green-dot",
        isSelected && "border-accent bg-accent-soft hover:border-accent",
      )}
    >
      <MediaImage
        identity={card.id}
        url={card.thumbnail_url ?? card.image_url}
        alt=""
        isLazy={false}
        className={cn(
          "aspect-square w-full object-contain",
          (decision === "rejected" || decision === "skipped" || taken) && "opacity-30 grayscale",
        )}
      />
      <span className="absolute top-1.5 left-1.5 rounded-sm bg-black/75 px-1.5 py-0.5 font-semibold text-white text-xs tabular-nums">
        {similarity}
      </span>
      {card.photo_ids.length > 1 && (
        <span
          title={t("duplicates", { count: card.photo_ids.length })}
          className="absolute top-1.5 right-1.5 flex items-center gap-1 rounded-sm bg-black/75 px-1.5 py-0.5 font-medium text-white text-xs tabular-nums"
        >
          <Copy className="size-3" aria-hidden /> {card.photo_ids.length}
          <span className="sr-only">{t("duplicates", { count: card.photo_ids.length })}</span>
        </span>
      )}
      {taken ? (
        <TakenNote taken={taken} />
      ) : (
        Ribbon && (
          <span
            className={cn(
              "absolute inset-x-0 bottom-[42px] flex h-6 items-center justify-center gap-1 font-medium text-xs",
              Ribbon.className,
            )}
          >
            <Ribbon.icon className="size-3.5" aria-hidden /> {t(`states.${decision}`)}
          </span>
        )
      )}
      {isSelected && (
        <span className="absolute bottom-[50px] left-1.5 grid size-5 place-items-center rounded-full bg-accent text-accent-ink">
          <Check className="size-3.5" strokeWidth={3} aria-hidden />
        </span>
      )}
      <button
        type="button"
        tabIndex={-1}
        aria-hidden // the keyboard's way is Z, or Enter
        title={t("help.keys.zoom")}
        onClick={(event) => {
          event.stopPropagation();
          onZoom();
        }}
        className="absolute top-9 right-1.5 grid size-7 place-items-center rounded-md bg-black/75 text-white opacity-0 hover:bg-black focus-visible:opacity-100 group-hover:opacity-100 group-focus-visible:opacity-100"
      >
        <ZoomIn className="size-4" aria-hidden />
      </button>
      <span className="sr-only">{card.name}</span>
      {taken && <span className="sr-only">{t("states.taken")}</span>}
      <span className="flex h-[42px] shrink-0 flex-col justify-center px-2 text-xs">
        <span className="truncate text-ink-soft" title={card.name}>
          {card.source}
        </span>
        <span className="flex items-center gap-1 truncate text-ink-faint">
          {card.tier !== "similarity" && (
            <span className="flex items-center gap-1 font-medium text-blue-text">
              <ScanBarcode className="size-3.5 shrink-0" aria-hidden /> {t(`tiers.${card.tier}`)}
            </span>
          )}
          {card.tier === "similarity" && (card.barcode ?? (card.decision && t("skippedBefore")))}
          <span className="ml-auto shrink-0 tabular-nums" title={t("confidence")}>
            {t("sure", { value: percent(Math.floor(card.confidence * 100) / 100) })}
          </span>
        </span>
      </span>
    </div>
  );
}

function TakenNote({ taken }: { taken: Taken }) {
  const t = useTranslations("matching");
  return (
    <span className="absolute inset-x-0 bottom-[42px] flex flex-col gap-0.5 bg-yellow-soft px-2 py-1.5 text-xs text-yellow-text leading-snug">
      <span className="flex items-center gap-1 font-medium">
        <Ban className="size-3.5 shrink-0" aria-hidden />
        {taken.status === "discarded" ? t("discardedBy") : t("takenBy", { name: taken.decided_by ?? "–" })}
      </span>
      {taken.product && (
        <span className="line-clamp-2" title={taken.product}>
          {taken.product}
        </span>
      )}
      {taken.decided_at && <TimeAgo at={taken.decided_at} />}
    </span>
  );
}
