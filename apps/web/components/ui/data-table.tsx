"use client";

import type { ColumnDefTemplate, RowData, Table } from "@tanstack/react-table";
import { ArrowDown, ArrowUp, ChevronsUpDown } from "lucide-react";
import type { ReactNode } from "react";
import { cn } from "./class-names";

declare module "@tanstack/react-table" {
  interface ColumnMeta<TData extends RowData, TValue> {
    className?: string;
  }
}

type Props<T> = {
  table: Table<T>;
  label: string;
  onOpen?: (row: T) => void;
  isStale?: boolean;
};

const SORT_ICON = { asc: ArrowUp, desc: ArrowDown, none: ChevronsUpDown };
const ARIA_SORT = { asc: "ascending", desc: "descending", none: "none" } as const;

/**
 * Draw a header or cell by calling its function. (The library's own flexRender would mount the function as a component:
 * a new function on each render then closes menus and loses focus inside the cell.)
 */
function draw<C extends object>(template: ColumnDefTemplate<C> | undefined, context: C): ReactNode {
  return typeof template === "function" ? template(context) : template;
}

/** A dense table. A click on a row opens it; the keyboard reaches the same through the link inside the row. */
export function DataTable<T>({ table, label, onOpen, isStale }: Props<T>) {
  return (
    <div className={cn("overflow-x-auto transition-opacity", isStale && "opacity-60")} aria-busy={isStale}>
      <table className="w-full border-collapse text-sm" aria-label={label}>
        <thead>
          {table.getHeaderGroups().map((group) => (
            <tr key={group.id} className="border-line border-b">
              {group.headers.map((header) => {
                const canSort = header.column.getCanSort();
                const sorted = header.column.getIsSorted() || "none";
                const SortIcon = SORT_ICON[sorted];
                const content = draw(header.column.columnDef.header, header.getContext());
                return (
                  <th
                    key={header.id}
                    scope="col"
                    aria-sort={canSort ? ARIA_SORT[sorted] : undefined}
                    className={cn(
                      "h-9 whitespace-nowrap px-3 text-left font-medium text-ink-faint text-xs first:pl-4 last:pr-4",
                      header.column.columnDef.meta?.className,
                    )}
                  >
                    {canSort ? (
                      <button
                        type="button"
                        className="-mx-1 inline-flex items-center gap-1 rounded-sm px-1 hover:text-ink"
                        onClick={header.column.getToggleSortingHandler()}
                      >
                        {content}
                        <SortIcon
                          className={cn("size-3.5", sorted === "none" ? "opacity-45" : "text-ink")}
                          aria-hidden
                        />
                      </button>
                    ) : (
                      content
                    )}
                  </th>
                );
              })}
            </tr>
          ))}
        </thead>
        <tbody>
          {table.getRowModel().rows.map((row) => (
            <tr
              key={row.id}
              data-selected={row.getIsSelected() || undefined}
              className={cn(
                "border-line border-b last:border-b-0 hover:bg-hover data-selected:bg-accent-soft/60",
                onOpen && "cursor-pointer",
              )}
              onClick={(event) => {
                const target = event.target as HTMLElement;
                const isOwn = event.currentTarget.contains(target);
                if (isOwn && !target.closest("a,button,input,[role=menuitem],[role=checkbox]"))
                  onOpen?.(row.original);
              }}
            >
              {row.getVisibleCells().map((cell) => (
                <td
                  key={cell.id}
                  className={cn("px-3 py-1.5 first:pl-4 last:pr-4", cell.column.columnDef.meta?.className)}
                >
                  {draw(cell.column.columnDef.cell, cell.getContext())}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
