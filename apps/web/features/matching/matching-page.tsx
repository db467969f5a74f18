"use client";

import { MousePointerClick } from "lucide-react";
import { useEffect, useRef } from "react";
import { useTranslations } from "use-intl";
import { $api } from "@/api/client";
import { PageHeader } from "@/components/shell/page-header";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { cn } from "@/components/ui/class-names";
import { EmptyState } from "@/components/ui/states";
import { useSearchText } from "@/routing/use-search-text";
import { useUrlState } from "@/routing/use-url-state";
import { THRESHOLD } from "./candidate-toolbar";
import { QueuePanel } from "./queue-panel";
import { useQueue } from "./use-queue";
import { useShortcuts } from "./use-shortcuts";
import { Workbench } from "./workbench";

function readThreshold(value: string): number {
  const threshold = Number.parseFloat(value);
  return threshold >= THRESHOLD.min && threshold <= THRESHOLD.max ? threshold : THRESHOLD.usual;
}

export function MatchingPage() {
  const t = useTranslations("matching");
  const [url, setUrl] = useUrlState(["product", "threshold", "source", "skipped", "search"]);
  const [text, setText] = useSearchText(url.search, (search) => setUrl({ search }));
  const queue = useQueue(url.search);
  const { data: me } = $api.useQuery("get", "/api/v1/auth/me", undefined, { staleTime: 60_000 });
  const searchField = useRef<HTMLInputElement>(null);
  const filters = {
    threshold: readThreshold(url.threshold),
    source: url.source || undefined,
    with_skipped: url.skipped !== "",
  };

  // Counting anew moves products about in the queue: next is the first that was not looked at yet.
  const seen = useRef(new Set<string>());
  useEffect(() => {
    if (url.product) seen.current.add(url.product);
  }, [url.product]);

  function open(product: string) {
    (document.activeElement as HTMLElement | null)?.blur(); // so that the cards have the keyboard
    setUrl({ product });
  }
  function openNext() {
    const others = queue.items.filter((item) => item.product_id !== url.product);
    const next = others.find((item) => !seen.current.has(item.product_id)) ?? others[0];
    if (next) open(next.product_id);
    if (queue.hasNextPage && seen.current.size > queue.items.length / 2) void queue.fetchNextPage();
  }
  function focusSearch() {
    searchField.current?.focus();
    searchField.current?.select();
  }
  useShortcuts((action) => {
    if (url.product) return false; // the workbench hears the keys
    if (action === "next") openNext();
    else if (action === "search") focusSearch();
    else return false;
    return true;
  });

  return (
    <div className="flex h-[calc(100vh-5.75rem)] min-h-128 flex-col">
      <PageHeader title={t("title")} description={t("description")} />
      <div
        className={cn(
          "grid min-h-0 flex-1 grid-cols-[19rem_minmax(0,1fr)] grid-rows-[minmax(0,1fr)] gap-4 [grid-template-areas:'queue_candidates'] xl:grid-cols-[21rem_minmax(0,1fr)]",
          url.product &&
            "grid-rows-[auto_minmax(0,1fr)] [grid-template-areas:'product_candidates'_'queue_candidates']",
        )}
      >
        {url.product && me ? (
          <Workbench
            key={url.product}
            productId={url.product}
            me={me}
            filters={filters}
            onFilters={({ threshold, source, with_skipped }) => {
              if (threshold !== undefined) setUrl({ threshold: threshold.toFixed(2) });
              else if (with_skipped !== undefined) setUrl({ skipped: with_skipped ? "1" : "" });
              else setUrl({ source: source ?? "" });
            }}
            onNext={openNext}
            onSearch={focusSearch}
          />
        ) : (
          <Card className="grid place-items-center [grid-area:candidates]">
            <EmptyState
              icon={MousePointerClick}
              title={t("choose")}
              action={
                queue.items.length > 0 && (
                  <Button variant="primary" onClick={openNext}>
                    {t("first")}
                  </Button>
                )
              }
            >
              {t("chooseText")}
            </EmptyState>
          </Card>
        )}
        <QueuePanel
          queue={queue}
          search={url.search}
          text={text}
          chosen={url.product}
          searchField={searchField}
          onText={setText}
          onOpen={open}
          onFound={(product) => {
            open(product);
            setText("");
          }}
        />
      </div>
    </div>
  );
}
