"use client";

import { useVirtualizer } from "@tanstack/react-virtual";
import { type ReactNode, useEffect, useLayoutEffect, useRef, useState } from "react";
import { cn } from "./class-names";

const GAP_PX = 10;

type CellProps = Record<string, string | number | undefined>;
type Props = {
  count: number;
  label: string;
  /** `grid`: cells that the arrow keys walk through; `list`: items, each with what it offers inside. */
  kind: "grid" | "list";
  minTile_px: number;
  /** Height below the square picture of a tile. */
  footer_px: number;
  /** The tile to keep in sight, and in focus when the focus is here or nowhere. */
  focus?: number;
  className?: string;
  onColumns?: (count: number) => void;
  /** The last rows are in sight. */
  onEnd?: () => void;
  /** Draws one tile; the properties belong on its outermost element. */
  children: (index: number, cell: CellProps) => ReactNode;
};

/** Tiles of one size in a box of their own that scrolls; only the rows in sight exist. */
export function VirtualGrid({
  count,
  label,
  kind,
  minTile_px,
  footer_px,
  focus,
  className,
  onColumns,
  onEnd,
  children,
}: Props) {
  const scroller = useRef<HTMLDivElement>(null);
  const inner = useRef<HTMLDivElement>(null);
  const [width_px, setWidth] = useState(0);
  const columns = Math.max(1, Math.floor((width_px + GAP_PX) / (minTile_px + GAP_PX)));
  const tile_px = Math.floor((width_px - GAP_PX * (columns - 1)) / columns);
  const rowCount = width_px === 0 ? 0 : Math.ceil(count / columns);
  const rows = useVirtualizer({
    count: rowCount,
    getScrollElement: () => scroller.current,
    estimateSize: () => tile_px + footer_px + GAP_PX,
    overscan: 3,
    scrollPaddingStart: 12,
    scrollPaddingEnd: 12,
  });

  useLayoutEffect(() => {
    const element = inner.current;
    if (!element) return;
    const observer = new ResizeObserver(() => setWidth(element.clientWidth));
    observer.observe(element);
    setWidth(element.clientWidth);
    return () => observer.disconnect();
  }, []);
  // biome-ignore lint/correctness/useExhaustiveDependencies: rows are measured anew when tiles change their size
  useEffect(() => rows.measure(), [tile_px, footer_px]);
  useEffect(() => onColumns?.(columns), [columns, onColumns]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: the virtualizer itself never changes
  useEffect(() => {
    if (focus === undefined || rowCount === 0) return;
    rows.scrollToIndex(Math.floor(focus / columns));
    const frame = requestAnimationFrame(() => {
      const active = document.activeElement;
      if (active && active !== document.body && !scroller.current?.contains(active)) return;
      inner.current?.querySelector<HTMLElement>(`[data-index="${focus}"]`)?.focus({ preventScroll: true });
    });
    return () => cancelAnimationFrame(frame);
  }, [focus, columns, rowCount]);

  const shown = rows.getVirtualItems();
  const lastRow = shown.at(-1)?.index ?? -1;
  useEffect(() => {
    if (lastRow >= rowCount - 2 && rowCount > 0) onEnd?.();
  }, [lastRow, rowCount, onEnd]);

  const isGrid = kind === "grid";
  const box = {
    role: kind,
    "aria-label": label,
    ...(isGrid && { "aria-multiselectable": true, "aria-rowcount": rowCount, "aria-colcount": columns }),
  };
  return (
    <div ref={scroller} className={cn("overflow-y-auto overflow-x-hidden p-3", className)}>
      <div ref={inner} {...box} className="relative" style={{ height: rows.getTotalSize() }}>
        {shown.map((row) => (
          <div
            key={row.key}
            {...(isGrid && { role: "row", "aria-rowindex": row.index + 1 })}
            className="absolute inset-x-0 grid"
            style={{
              transform: `translateY(${row.start}px)`,
              gridTemplateColumns: `repeat(${columns}, ${tile_px}px)`,
              gridAutoRows: `${tile_px + footer_px}px`,
              gap: GAP_PX,
            }}
          >
            {Array.from({ length: Math.min(columns, count - row.index * columns) }, (_, column) => {
              const index = row.index * columns + column;
              return children(
                index,
                isGrid
                  ? { role: "gridcell", "aria-colindex": column + 1, "data-index": index }
                  : {
                      role: "listitem",
                      "aria-setsize": count,
                      "aria-posinset": index + 1,
                      "data-index": index,
                    },
              );
            })}
          </div>
        ))}
      </div>
    </div>
  );
}
