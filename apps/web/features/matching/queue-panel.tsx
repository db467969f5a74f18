"use client";

import { ListChecks, SearchX } from "lucide-react";
import { type Ref, useEffect, useRef, useState } from "react";
import { toast } from "sonner";
import { useTranslations } from "use-intl";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { cn } from "@/components/ui/class-names";
import { SearchInput } from "@/components/ui/input";
import { MediaImage } from "@/components/ui/media-image";
import { useProblemText } from "@/components/ui/problem-text";
import { EmptyState, ErrorState, LoadingRows } from "@/components/ui/states";
import { useProductName } from "@/features/products/use-product-name";
import { QueueProgress } from "./queue-progress";
import { findProduct, type QueueItem, type useQueue } from "./use-queue";

type Props = {
  queue: ReturnType<typeof useQueue>;
  search: string;
  text: string;
  chosen: string;
  searchField: Ref<HTMLInputElement>;
  onText: (text: string) => void;
  onOpen: (productId: string) => void;
  /** A search has led to its product: the queue is shown again. */
  onFound: (productId: string) => void;
};

export function QueuePanel({ queue, search, text, chosen, searchField, onText, onOpen, onFound }: Props) {
  const t = useTranslations("matching");
  const problemText = useProblemText();
  const [isFinding, setIsFinding] = useState(false);

  /** A scanner types a barcode and Enter faster than a list can follow: ask for it at once. */
  async function openFirst() {
    if (!text.trim() || isFinding) return;
    setIsFinding(true);
    try {
      const found = await findProduct(text.trim());
      if (found) onFound(found);
      else toast.error(t("noMatch"));
    } catch (error) {
      toast.error(problemText(error));
    } finally {
      setIsFinding(false);
    }
  }

  return (
    <Card className="flex min-h-0 flex-col [grid-area:queue]" aria-label={t("queue")}>
      <div className="border-line border-b p-2.5">
        <SearchInput
          ref={searchField}
          aria-label={t("search")}
          placeholder={t("search")}
          aria-busy={isFinding}
          value={text}
          onChange={(event) => onText(event.target.value)}
          onKeyDown={(event) => {
            if (event.key === "Enter") void openFirst();
            if (event.key === "Escape") event.currentTarget.blur();
          }}
        />
      </div>
      {queue.isPending ? (
        <LoadingRows count={5} className="p-2.5" />
      ) : queue.isError ? (
        <ErrorState error={queue.error} onRetry={() => void queue.refetch()} />
      ) : queue.items.length === 0 ? (
        <EmptyState
          icon={search ? SearchX : ListChecks}
          title={search ? t("noMatch") : t("queueEmpty")}
          action={search && <Button onClick={() => onText("")}>{t("showQueue")}</Button>}
        >
          {search ? undefined : t("queueEmptyText")}
        </EmptyState>
      ) : (
        <QueueList queue={queue} chosen={chosen} onOpen={onOpen} />
      )}
      {!search && <QueueProgress />}
    </Card>
  );
}

function QueueList({ queue, chosen, onOpen }: Pick<Props, "queue" | "chosen" | "onOpen">) {
  const t = useTranslations("matching");
  const list = useRef<HTMLUListElement>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the chosen row is brought into sight when it changes
  useEffect(() => {
    list.current?.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest" });
  }, [chosen]);
  return (
    <ul ref={list} className="min-h-0 flex-1 overflow-y-auto" aria-label={t("queue")}>
      {queue.items.map((item) => (
        <QueueRow
          key={item.product_id}
          item={item}
          isChosen={item.product_id === chosen}
          onOpen={() => onOpen(item.product_id)}
        />
      ))}
      {queue.hasNextPage && (
        <li className="p-2 text-center">
          <Button
            size="sm"
            variant="ghost"
            isBusy={queue.isFetchingNextPage}
            onClick={() => void queue.fetchNextPage()}
          >
            {t("more")}
          </Button>
        </li>
      )}
    </ul>
  );
}

function QueueRow({ item, isChosen, onOpen }: { item: QueueItem; isChosen: boolean; onOpen: () => void }) {
  const t = useTranslations("matching");
  const productName = useProductName();
  return (
    <li>
      <button
        type="button"
        aria-current={isChosen || undefined}
        onClick={onOpen}
        className={cn(
          "flex w-full items-center gap-2.5 border-line border-b px-3 py-1.5 text-left hover:bg-hover focus-visible:outline-offset-[-2px]",
          isChosen && "bg-accent-soft hover:bg-accent-soft",
        )}
      >
        <MediaImage
          identity={item.product_id}
          url={item.thumbnail_url}
          alt=""
          className="size-10 shrink-0 rounded-md"
        />
        <span className="min-w-0 flex-1">
          <span className="block truncate font-medium text-sm">{productName(item)}</span>
          <span className="block truncate font-mono text-ink-faint text-xs">{item.barcode ?? "–"}</span>
        </span>
        <span className="shrink-0 text-right text-xs tabular-nums">
          {item.n_candidates !== null && (
            <span className="block font-medium text-accent-text">
              {t("candidateCount", { count: item.n_candidates })}
            </span>
          )}
          <span className="block text-ink-faint">{t("matchedCount", { count: item.real_count })}</span>
        </span>
      </button>
    </li>
  );
}
