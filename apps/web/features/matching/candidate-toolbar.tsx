"use client";

import { Check, FastForward, Keyboard, RotateCw, Undo2, X } from "lucide-react";
import { type MouseEvent, useEffect, useId, useState } from "react";
import { useFormatter, useTranslations } from "use-intl";
import type { CandidateFilters } from "@/api/matching";
import type { Decision } from "@/api/types";
import { Button } from "@/components/ui/button";
import { Checkbox } from "@/components/ui/checkbox";
import { Kbd } from "@/components/ui/kbd";
import { Select } from "@/components/ui/select";
import { Slider } from "@/components/ui/slider";
import { Tooltip } from "@/components/ui/tooltip";
import { useDebounced } from "@/routing/use-debounced";
import { listTargets } from "./deck";
import type { DeckState } from "./deck-store";

export const THRESHOLD = { min: 0.5, max: 0.99, step: 0.01, usual: 0.7 };

/** A click leaves the keyboard with the cards: else the next space would press the button once more. */
const KEEP_FOCUS = { onMouseDown: (event: MouseEvent) => event.preventDefault() };

type FilterProps = {
  filters: CandidateFilters;
  sources: string[];
  hasNews: boolean;
  onFilters: (change: Partial<CandidateFilters>) => void;
  onRefresh: () => void;
};

export function CandidateFilterBar({ filters, sources, hasNews, onFilters, onRefresh }: FilterProps) {
  const t = useTranslations("matching");
  const skippedId = useId();
  return (
    <div className="ml-auto flex flex-wrap items-center gap-x-4 gap-y-2 py-1.5">
      <ThresholdSlider value={filters.threshold} onChange={(threshold) => onFilters({ threshold })} />
      <Select
        label={t("source")}
        value={filters.source ?? ""}
        onChange={(source) => onFilters({ source: source || undefined })}
        className="max-w-44"
        options={[
          { value: "", label: t("allSources") },
          ...[...new Set([...sources, ...(filters.source ? [filters.source] : [])])].map((source) => ({
            value: source,
            label: source,
          })),
        ]}
      />
      <label htmlFor={skippedId} className="flex items-center gap-2 text-ink-soft text-sm">
        <Checkbox
          id={skippedId}
          checked={filters.with_skipped}
          onCheckedChange={(checked) => onFilters({ with_skipped: checked === true })}
        />
        {t("withSkipped")}
      </label>
      <Tooltip label={hasNews ? t("newsHint") : t("refreshHint")}>
        <Button variant={hasNews ? "primary" : "secondary"} {...KEEP_FOCUS} onClick={onRefresh}>
          <RotateCw aria-hidden /> {hasNews ? t("refreshNews") : t("refresh")}
        </Button>
      </Tooltip>
    </div>
  );
}

function ThresholdSlider({ value, onChange }: { value: number; onChange: (value: number) => void }) {
  const t = useTranslations("matching");
  const format = useFormatter();
  const id = useId();
  const [shown, setShown] = useState(value);
  const settled = useDebounced(shown, 300);
  useEffect(() => setShown(value), [value]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: only what a person has settled on is passed on
  useEffect(() => {
    if (settled !== value) onChange(settled);
  }, [settled]);
  return (
    <span className="flex items-center gap-2 text-sm">
      <label htmlFor={id} className="text-ink-soft">
        {t("threshold")}
      </label>
      <Slider
        id={id}
        className="w-36"
        {...{ min: THRESHOLD.min, max: THRESHOLD.max, step: THRESHOLD.step }}
        value={shown}
        onChange={(event) => setShown(Number(event.target.value))}
      />
      <output htmlFor={id} className="w-9 font-medium tabular-nums">
        {format.number(shown, { minimumFractionDigits: 2, maximumFractionDigits: 2 })}
      </output>
    </span>
  );
}

type ActionProps = {
  state: DeckState;
  isLocked: boolean;
  onDecide: (decision: Decision) => void;
  onUndo: () => void;
  onHelp: () => void;
};

/** What can be done with the selection, or with the card that the keyboard is at. */
export function CandidateActions({ state, isLocked, onDecide, onUndo, onHelp }: ActionProps) {
  const t = useTranslations("matching");
  const count = listTargets(state.deck).length;
  const isOff = isLocked || state.phase !== "ready" || count === 0;
  return (
    <div className="flex items-center gap-2">
      <Button {...KEEP_FOCUS} variant="primary" disabled={isOff} onClick={() => onDecide("approved")}>
        <Check aria-hidden /> {t("approve", { count })} <Kbd>A</Kbd>
      </Button>
      <Button {...KEEP_FOCUS} disabled={isOff} onClick={() => onDecide("rejected")}>
        <X aria-hidden /> {t("reject", { count })} <Kbd>R</Kbd>
      </Button>
      <Button {...KEEP_FOCUS} disabled={isOff} onClick={() => onDecide("skipped")}>
        <FastForward aria-hidden /> {t("skip")} <Kbd>S</Kbd>
      </Button>
      <Button {...KEEP_FOCUS} variant="ghost" disabled={isLocked || !state.canUndo} onClick={onUndo}>
        <Undo2 aria-hidden /> {t("undo")} <Kbd>U</Kbd>
      </Button>
      <Tooltip label={t("help.title")}>
        <Button variant="ghost" size="icon" aria-label={t("help.title")} onClick={onHelp}>
          <Keyboard />
        </Button>
      </Tooltip>
    </div>
  );
}
