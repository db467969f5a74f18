"use client";

import { keepPreviousData } from "@tanstack/react-query";
import { Package } from "lucide-react";
import { useTranslations } from "use-intl";
import { $api } from "@/api/client";
import { PRODUCT_STATUSES } from "@/api/types";
import { PageHeader } from "@/components/shell/page-header";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { SearchInput } from "@/components/ui/input";
import { Pagination } from "@/components/ui/pagination";
import { Select } from "@/components/ui/select";
import { EmptyState, ErrorState, LoadingRows } from "@/components/ui/states";
import { useSearchText } from "@/routing/use-search-text";
import { findChoice, readPage, useUrlState } from "@/routing/use-url-state";
import { ProductTable, SORTS } from "./product-table";

const LIMIT = 50;

export function ProductsPage() {
  const t = useTranslations("products");
  const [url, setUrl] = useUrlState(["search", "status", "category", "sort", "page"]);
  const page = readPage(url.page);
  const status = findChoice(PRODUCT_STATUSES, url.status);
  const sort = findChoice(SORTS, url.sort) ?? "-created_at";
  const [text, setText] = useSearchText(url.search, (search) => setUrl({ search, page: "" }));

  const facets = $api.useQuery(
    "get",
    "/api/v1/products/facets",
    {
      params: {
        query: { search: url.search || undefined, status, category: url.category || undefined },
      },
    },
    { placeholderData: keepPreviousData },
  );
  const statusCounts = new Map(facets.data?.statuses.map((one) => [one.value, one.count]));
  const products = $api.useQuery(
    "get",
    "/api/v1/products",
    {
      params: {
        query: {
          search: url.search || undefined,
          status,
          category: url.category || undefined,
          sort,
          page,
          limit: LIMIT,
        },
      },
    },
    { placeholderData: keepPreviousData },
  );
  const isFiltered = Boolean(url.search || status || url.category);

  function clearFilters() {
    setUrl({ search: "", status: "", category: "", page: "" });
  }

  return (
    <>
      <PageHeader title={t("title")} description={t("description")} />
      <Card>
        <div className="flex flex-wrap gap-2 border-line border-b px-4 py-2.5">
          <SearchInput
            className="w-80"
            aria-label={t("search")}
            placeholder={t("search")}
            value={text}
            onChange={(event) => setText(event.target.value)}
          />
          <Select
            label={t("status")}
            value={status ?? ""}
            onChange={(value) => setUrl({ status: value, page: "" })}
            options={[
              { value: "", label: t("allStatuses") },
              ...PRODUCT_STATUSES.map((one) => ({
                value: one,
                label: t(`statuses.${one}`),
                count: statusCounts.get(one) ?? 0,
              })),
            ]}
          />
          <Select
            label={t("category")}
            value={url.category}
            onChange={(value) => setUrl({ category: value, page: "" })}
            className="max-w-64"
            options={[
              { value: "", label: t("allCategories") },
              ...(facets.data?.categories ?? []).flatMap(({ value, count }) =>
                value === null ? [] : [{ value, label: value, count }],
              ),
            ]}
          />
          {isFiltered && (
            <Button variant="ghost" onClick={clearFilters}>
              {t("clearFilters")}
            </Button>
          )}
        </div>
        {products.isPending ? (
          <LoadingRows count={10} />
        ) : products.isError ? (
          <ErrorState error={products.error} onRetry={() => void products.refetch()} />
        ) : products.data.total === 0 ? (
          <EmptyState
            icon={Package}
            title={isFiltered ? t("noMatch") : t("empty")}
            action={isFiltered && <Button onClick={clearFilters}>{t("clearFilters")}</Button>}
          >
            {isFiltered ? undefined : t("emptyText")}
          </EmptyState>
        ) : (
          <>
            {products.data.corrected_search && (
              <p className="px-4 py-2 text-ink-soft text-sm" role="status">
                {t("corrected", { search: url.search, corrected: products.data.corrected_search })}
              </p>
            )}
            <ProductTable
              products={products.data.items}
              sort={sort}
              onSort={(next) => setUrl({ sort: next, page: "" })}
              isStale={products.isPlaceholderData}
            />
            <Pagination found={products.data} onPage={(next) => setUrl({ page: String(next) })} />
          </>
        )}
      </Card>
    </>
  );
}
