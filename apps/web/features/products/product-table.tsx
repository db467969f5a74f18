"use client";

import {
  createColumnHelper,
  getCoreRowModel,
  type SortingState,
  type Updater,
  useReactTable,
} from "@tanstack/react-table";
import Link from "next/link";
import { useRouter } from "next/navigation";
import { useMemo, useState } from "react";
import { useTranslations } from "use-intl";
import type { ProductRow } from "@/api/types";
import { DataTable } from "@/components/ui/data-table";
import { MediaImage } from "@/components/ui/media-image";
import { TimeAgo } from "@/components/ui/quantities";
import { DeleteProductDialog } from "./delete-product-dialog";
import { ProductMenu } from "./product-menu";
import { ProductStatusBadge } from "./product-status-badge";
import { useProductName } from "./use-product-name";

/** Orders that the API offers; each column can be sorted the one way (or, for the date, the two ways) listed here. */
export const SORTS = [
  "created_at",
  "-created_at",
  "product_name",
  "brand_name",
  "-frame_count",
  "-updated_at",
] as const;
export type Sort = (typeof SORTS)[number];

const column = createColumnHelper<ProductRow>();

export function toSortingState(sort: Sort): SortingState {
  return [{ id: sort.replace("-", ""), desc: sort.startsWith("-") }];
}

/** The order for a click on a column; a direction that the API lacks becomes the one that it has. */
export function toSort(sorting: SortingState): Sort {
  const first = sorting[0];
  if (!first) return "-created_at";
  const wanted = `${first.desc ? "-" : ""}${first.id}`;
  return SORTS.find((one) => one === wanted) ?? SORTS.find((one) => one.endsWith(first.id)) ?? "-created_at";
}

type Props = { products: ProductRow[]; sort: Sort; onSort: (sort: Sort) => void; isStale: boolean };

export function ProductTable({ products, sort, onSort, isStale }: Props) {
  const t = useTranslations("products");
  const router = useRouter();
  const [toDelete, setToDelete] = useState<ProductRow | null>(null);
  const columns = useProductColumns(setToDelete);
  const table = useReactTable({
    data: products,
    columns,
    state: { sorting: toSortingState(sort) },
    onSortingChange: (updater: Updater<SortingState>) =>
      onSort(toSort(typeof updater === "function" ? updater(toSortingState(sort)) : updater)),
    manualSorting: true,
    enableSortingRemoval: false,
    getCoreRowModel: getCoreRowModel(),
    getRowId: (product) => product.id,
  });
  return (
    <>
      <DataTable
        table={table}
        label={t("title")}
        isStale={isStale}
        onOpen={(product) => router.push(`/products/${product.id}`)}
      />
      <DeleteProductDialog product={toDelete} onClose={() => setToDelete(null)} />
    </>
  );
}

function useProductColumns(onDelete: (product: ProductRow) => void) {
  const t = useTranslations("products");
  const productName = useProductName();
  return useMemo(
    () => [
      column.display({
        id: "image",
        header: () => <span className="sr-only">{t("image")}</span>,
        cell: ({ row: { original: product } }) => (
          <MediaImage
            identity={product.id}
            url={product.thumbnail_url}
            alt=""
            className="size-9 min-w-9 rounded-sm"
          />
        ),
        meta: { className: "w-14" },
      }),
      column.display({
        id: "barcode",
        header: t("barcode"),
        cell: ({ row: { original: product } }) => (
          <span className="whitespace-nowrap font-mono text-xs">
            {product.barcode ?? "–"}
            {product.barcodes.length > 1 && (
              <span className="ml-1.5 text-ink-faint" title={product.barcodes.join(", ")}>
                +{product.barcodes.length - 1}
              </span>
            )}
          </span>
        ),
        meta: { className: "w-40" },
      }),
      column.accessor("brand_name", {
        header: t("brand"),
        cell: ({ getValue }) => getValue() ?? <span className="text-ink-faint">–</span>,
        meta: { className: "max-w-44 truncate" },
      }),
      column.accessor("product_name", {
        header: t("product"),
        cell: ({ row: { original: product } }) => (
          <Link href={`/products/${product.id}`} className="rounded-sm font-medium hover:underline">
            {productName({ product_name: product.product_name, variant_flavor: product.variant_flavor })}
          </Link>
        ),
        meta: { className: "max-w-80 truncate" },
      }),
      column.display({
        id: "category",
        header: t("category"),
        cell: ({ row }) => (
          <span className="block max-w-40 truncate text-ink-soft" title={row.original.category ?? undefined}>
            {row.original.category ?? "–"}
          </span>
        ),
        meta: { className: "max-w-48 truncate" },
      }),
      column.display({
        id: "status",
        header: t("status"),
        cell: ({ row }) => <ProductStatusBadge status={row.original.status} />,
        meta: { className: "w-36" },
      }),
      column.accessor("frame_count", {
        header: t("frames"),
        cell: ({ getValue }) => <span className="tabular-nums">{getValue()}</span>,
        meta: { className: "w-24" },
      }),
      column.accessor("created_at", {
        header: t("created"),
        cell: ({ getValue }) => <TimeAgo at={getValue()} className="whitespace-nowrap text-ink-soft" />,
        meta: { className: "w-32" },
      }),
      column.display({
        id: "actions",
        header: () => <span className="sr-only">{t("actions")}</span>,
        cell: ({ row }) => <ProductMenu product={row.original} onDelete={onDelete} />,
        meta: { className: "w-12 text-right" },
      }),
    ],
    [t, productName, onDelete],
  );
}
