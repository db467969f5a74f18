"use client";

import { useQueryClient } from "@tanstack/react-query";
import { PackageX } from "lucide-react";
import { useCallback, useRef, useState } from "react";
import { useTranslations } from "use-intl";
import { $api } from "@/api/client";
import type { CandidateFilters } from "@/api/matching";
import { toProblem } from "@/api/problem";
import type { Product, User } from "@/api/types";
import { Card } from "@/components/ui/card";
import { EmptyState, ErrorState, LoadingRows } from "@/components/ui/states";
import { Tabs, TabsContent, TabsList, TabsTrigger } from "@/components/ui/tabs";
import { CandidatePanel } from "./candidate-panel";
import { CandidateActions, CandidateFilterBar } from "./candidate-toolbar";
import { CandidateZoom } from "./candidate-zoom";
import { DecidedList } from "./decided-list";
import { clearSelection, invert, moveFocus, selectAll, toggle } from "./deck";
import { LockNotice } from "./lock-badge";
import { ProductCard } from "./product-card";
import { ShortcutSheet } from "./shortcut-sheet";
import type { Action } from "./shortcuts";
import { type Desk, useDeckState, useDesk, useLockState } from "./use-desk";
import { useShortcuts } from "./use-shortcuts";
import { useSources } from "./use-sources";

type Props = {
  productId: string;
  me: User;
  filters: CandidateFilters;
  onFilters: (change: Partial<CandidateFilters>) => void;
  onNext: () => void;
  onSearch: () => void;
};

/** Everything about the product that is open: itself, and the photos that may show it. */
export function Workbench(props: Props) {
  const desk = useDesk(props.productId, props.me, props.filters);
  const product = $api.useQuery("get", "/api/v1/products/{product_id}", {
    params: { path: { product_id: props.productId } },
  });
  const t = useTranslations("product");
  if (product.isError && !product.data) {
    return (
      <Card className="[grid-area:candidates]">
        {[404, 422].includes(toProblem(product.error).status) ? (
          <EmptyState icon={PackageX} title={t("missing")}>
            {t("missingText")}
          </EmptyState>
        ) : (
          <ErrorState error={product.error} onRetry={() => void product.refetch()} />
        )}
      </Card>
    );
  }
  if (!desk || !product.data) {
    return (
      <Card className="[grid-area:candidates]">
        <LoadingRows count={8} />
      </Card>
    );
  }
  return <OpenWorkbench {...props} desk={desk} product={product.data} />;
}

function OpenWorkbench(props: Props & { desk: Desk; product: Product }) {
  const { me, filters, desk, product } = props;
  const { keeper, store } = desk;
  const t = useTranslations("matching");
  const client = useQueryClient();
  const lock = useLockState(keeper);
  const state = useDeckState(store);
  const sources = useSources();
  const [tab, setTab] = useState("candidates");
  const [isZoomed, setIsZoomed] = useState(false);
  const [isHelpOpen, setIsHelpOpen] = useState(false);
  const columns = useRef(1);
  const isLocked = lock.kind !== "mine";
  const setColumns = useCallback((count: number) => {
    columns.current = count;
  }, []);

  function refresh() {
    void store.reload();
    void client.invalidateQueries({ queryKey: ["get", "/api/v1/matching/decisions/{product_id}"] });
  }
  const focusBy = (by: number) => store.edit((deck) => moveFocus(deck, deck.focus + by));
  const act: Record<Action, () => void> = {
    left: () => focusBy(-1),
    right: () => focusBy(1),
    up: () => focusBy(-columns.current),
    down: () => focusBy(columns.current),
    first: () => store.edit((deck) => moveFocus(deck, 0)),
    last: () => store.edit((deck) => moveFocus(deck, deck.cards.length - 1)),
    toggle: () =>
      store.edit((deck) => {
        const card = deck.cards[deck.focus];
        return card ? toggle(deck, card.id) : deck;
      }),
    approve: () => store.decide("approved"),
    reject: () => store.decide("rejected"),
    skip: () => store.decide("skipped"),
    undo: () => store.undo(),
    selectAll: () => store.edit(selectAll),
    invert: () => store.edit(invert),
    clear: () => store.edit(clearSelection),
    zoom: () => setIsZoomed((before) => !before),
    refresh,
    next: props.onNext,
    search: props.onSearch,
    help: () => setIsHelpOpen(true),
  };
  useShortcuts((action, event) => {
    const isPage = action === "next" || action === "search" || action === "help";
    if (isZoomed ? isPage || action === "clear" : tab !== "candidates" && !isPage) return false;
    // A held key walks through the cards; it does not run through products.
    if (event.repeat && isPage) return true;
    act[action]();
    return true;
  });

  return (
    <>
      <ProductCard product={product} lock={lock} me={me} />
      <Card className="flex min-h-0 min-w-0 flex-col overflow-hidden [grid-area:candidates]">
        <Tabs value={tab} onValueChange={setTab} className="flex min-h-0 flex-1 flex-col">
          <div className="flex flex-wrap items-center gap-x-4 border-line border-b px-4">
            <TabsList aria-label={t("parts")} className="border-b-0">
              <TabsTrigger value="candidates" className="focus-visible:-outline-offset-2">
                {t("candidates")}
              </TabsTrigger>
              <TabsTrigger value="decided" className="focus-visible:-outline-offset-2">
                {t("decided")}
              </TabsTrigger>
            </TabsList>
            {tab === "candidates" && (
              <CandidateFilterBar
                filters={filters}
                sources={sources}
                hasNews={state.hasNews}
                onFilters={props.onFilters}
                onRefresh={refresh}
              />
            )}
          </div>
          <LockNotice state={lock} keeper={keeper} me={me} />
          <TabsContent
            value="candidates"
            tabIndex={-1}
            className="flex min-h-0 flex-1 flex-col pt-0 outline-none data-[state=inactive]:hidden"
          >
            <CandidatePanel
              store={store}
              state={state}
              onColumns={setColumns}
              onZoom={setIsZoomed}
              onNext={props.onNext}
              onLower={() => props.onFilters({ threshold: Math.max(0.5, filters.threshold - 0.1) })}
            />
            <div className="border-line border-t px-4 py-2">
              <CandidateActions
                state={state}
                isLocked={isLocked}
                onDecide={(decision) => store.decide(decision)}
                onUndo={() => store.undo()}
                onHelp={() => setIsHelpOpen(true)}
              />
            </div>
          </TabsContent>
          <TabsContent value="decided" className="flex min-h-0 flex-1 flex-col pt-0">
            <DecidedList
              productId={product.id}
              threshold={filters.threshold}
              token={() => keeper.token}
              isLocked={isLocked}
              onUndone={() => void store.reload()}
            />
          </TabsContent>
        </Tabs>
      </Card>
      <CandidateZoom isOpen={isZoomed} onOpen={setIsZoomed} deck={state.deck} product={product} />
      <ShortcutSheet isOpen={isHelpOpen} onOpen={setIsHelpOpen} />
    </>
  );
}
