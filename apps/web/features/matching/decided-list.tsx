"use client";

import { useMutation } from "@tanstack/react-query";
import { History, Undo2 } from "lucide-react";
import { toast } from "sonner";
import { useTranslations } from "use-intl";
import { $api } from "@/api/client";
import { matching } from "@/api/matching";
import type { Decided, MatchDecision } from "@/api/types";
import { Badge, type Tone } from "@/components/ui/badge";
import { Button } from "@/components/ui/button";
import { MediaImage } from "@/components/ui/media-image";
import { useProblemText } from "@/components/ui/problem-text";
import { TimeAgo, useQuantities } from "@/components/ui/quantities";
import { EmptyState, ErrorState, LoadingRows } from "@/components/ui/states";

const TONES: Record<MatchDecision["decision"], Tone> = {
  approved: "green",
  rejected: "red",
  skipped: "grey",
};

type Props = {
  productId: string;
  threshold: number;
  token: () => number | null;
  isLocked: boolean;
  onUndone: (decided: Decided) => void;
};

/** What was decided about this product, by anybody and whenever; each can be taken back. */
export function DecidedList({ productId, threshold, token, isLocked, onUndone }: Props) {
  const t = useTranslations("matching");
  const problemText = useProblemText();
  const decisions = $api.useQuery("get", "/api/v1/matching/decisions/{product_id}", {
    params: { path: { product_id: productId } },
  });
  const undo = useMutation({
    mutationFn: (photo_id: string) =>
      matching.decide("undone", {
        product_id: productId,
        candidate_ids: [photo_id],
        threshold,
        lock_token: token() ?? 1,
      }),
    async onSuccess(decided) {
      onUndone(decided);
      await decisions.refetch();
    },
    onError: (error) => toast.error(t("refused"), { description: problemText(error) }),
  });

  if (decisions.isPending) return <LoadingRows />;
  if (decisions.isError)
    return <ErrorState error={decisions.error} onRetry={() => void decisions.refetch()} />;
  if (decisions.data.length === 0) {
    return (
      <EmptyState icon={History} title={t("noDecisions")}>
        {t("noDecisionsText")}
      </EmptyState>
    );
  }
  return (
    <ul className="min-h-0 flex-1 overflow-y-auto" aria-label={t("decided")}>
      {decisions.data.map((row) => (
        <li key={row.photo_id} className="flex items-center gap-3 border-line border-b px-4 py-1.5 text-sm">
          <MediaImage
            identity={row.photo_id}
            url={row.thumbnail_url ?? row.image_url}
            alt=""
            className="size-11 shrink-0 rounded-md"
          />
          <DecidedFacts row={row} />
          <Button
            size="sm"
            disabled={isLocked}
            isBusy={undo.isPending && undo.variables === row.photo_id}
            aria-label={t("undoOf", { name: row.name })}
            onClick={() => undo.mutate(row.photo_id)}
          >
            <Undo2 aria-hidden /> {t("undo")}
          </Button>
        </li>
      ))}
    </ul>
  );
}

function DecidedFacts({ row }: { row: MatchDecision }) {
  const t = useTranslations("matching");
  const { percent } = useQuantities();
  return (
    <>
      <span className="min-w-0 flex-1">
        <span className="block truncate font-medium">{row.name}</span>
        <span className="block truncate text-ink-soft text-xs">
          {t(`origins.${row.origin}`, { name: row.by })} · <TimeAgo at={row.at} />
        </span>
      </span>
      <span className="w-12 text-right text-ink-soft text-xs tabular-nums">
        {row.similarity !== null && percent(Math.floor(row.similarity * 100) / 100)}
      </span>
      <span className="w-28">
        <Badge tone={TONES[row.decision]}>{t(`states.${row.decision}`)}</Badge>
      </span>
    </>
  );
}
