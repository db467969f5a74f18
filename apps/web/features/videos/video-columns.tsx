"use client";

import { createColumnHelper } from "@tanstack/react-table";
import { MoreHorizontal, Package, Play, RotateCw, Trash2 } from "lucide-react";
import Link from "next/link";
import { useMemo } from "react";
import { useTranslations } from "use-intl";
import type { Video } from "@/api/types";
import { Button } from "@/components/ui/button";
import { Checkbox } from "@/components/ui/checkbox";
import { MediaImage } from "@/components/ui/media-image";
import { Menu, MenuContent, MenuItem, MenuTrigger } from "@/components/ui/menu";
import { TimeAgo, useQuantities } from "@/components/ui/quantities";
import { useIsOperator } from "@/features/accounts/use-is-operator";
import { VideoProgress } from "./video-progress";
import { VideoStatusBadge } from "./video-status-badge";

const column = createColumnHelper<Video>();

type Handlers = {
  onProcess: (video: Video) => void;
  onRetry: (video: Video) => void;
  onDelete: (video: Video) => void;
};

export function useVideoColumns(handlers: Handlers) {
  const t = useTranslations("videos");
  const { size, duration } = useQuantities();
  return useMemo(
    () => [
      column.display({
        id: "select",
        header: ({ table }) => (
          <Checkbox
            aria-label={t("selectAll")}
            checked={table.getIsAllRowsSelected() || (table.getIsSomeRowsSelected() && "indeterminate")}
            onCheckedChange={() => table.toggleAllRowsSelected()}
          />
        ),
        cell: ({ row }) => (
          <Checkbox
            aria-label={t("select", { filename: row.original.filename })}
            checked={row.getIsSelected()}
            onCheckedChange={() => row.toggleSelected()}
          />
        ),
        meta: { className: "w-8" },
      }),
      column.display({
        id: "video",
        header: t("video"),
        cell: ({ row: { original: video } }) => (
          <div className="flex min-w-0 items-center gap-3">
            <MediaImage
              identity={video.id}
              url={video.poster_url}
              alt=""
              className="h-10 w-14 shrink-0 rounded-sm"
            />
            <div className="min-w-0">
              <p className="truncate font-medium" title={video.filename}>
                {video.filename}
              </p>
              <p className="truncate text-ink-faint text-xs tabular-nums">
                {[
                  size(video.size_bytes),
                  video.duration_s !== null && duration(video.duration_s),
                  video.width_px && `${video.width_px} × ${video.height_px}`,
                ]
                  .filter(Boolean)
                  .join(" · ")}
              </p>
            </div>
          </div>
        ),
        meta: { className: "min-w-56 max-w-96" },
      }),
      column.display({
        id: "barcode",
        header: t("barcode"),
        cell: ({ row }) => <span className="font-mono text-xs">{row.original.barcode ?? "–"}</span>,
        meta: { className: "w-32" },
      }),
      column.display({
        id: "status",
        header: t("status"),
        cell: ({ row }) => <VideoStatusBadge status={row.original.status} />,
        meta: { className: "w-32" },
      }),
      column.display({
        id: "progress",
        header: t("progress"),
        cell: ({ row }) => <VideoProgress video={row.original} />,
        meta: { className: "w-[24%]" },
      }),
      column.display({
        id: "created",
        header: t("created"),
        cell: ({ row }) => (
          <TimeAgo at={row.original.created_at} className="whitespace-nowrap text-ink-soft" />
        ),
        meta: { className: "w-32" },
      }),
      column.display({
        id: "actions",
        header: () => <span className="sr-only">{t("actions")}</span>,
        cell: ({ row: { original: video } }) => <VideoMenu video={video} {...handlers} />,
        meta: { className: "w-40" },
      }),
    ],
    [t, size, duration, handlers],
  );
}

function VideoMenu({ video, onProcess, onRetry, onDelete }: { video: Video } & Handlers) {
  const t = useTranslations("videos");
  const isOperator = useIsOperator();
  return (
    <div className="flex items-center justify-end gap-1">
      {isOperator && video.status === "pending" && (
        <Button size="sm" onClick={() => onProcess(video)}>
          <Play aria-hidden /> {t("process")}
        </Button>
      )}
      {isOperator && video.status === "failed" && (
        <Button size="sm" onClick={() => onRetry(video)}>
          <RotateCw aria-hidden /> {t("retry")}
        </Button>
      )}
      {video.product_id && (
        <Button size="sm" variant="ghost" asChild>
          <Link href={`/products/${video.product_id}`}>
            <Package aria-hidden /> {t("product")}
          </Link>
        </Button>
      )}
      {isOperator && (
        <Menu>
          <MenuTrigger asChild>
            <Button size="icon-sm" variant="ghost" aria-label={t("menu", { filename: video.filename })}>
              <MoreHorizontal />
            </Button>
          </MenuTrigger>
          <MenuContent>
            <MenuItem disabled={video.status === "processing"} onSelect={() => onProcess(video)}>
              <Play aria-hidden /> {video.status === "completed" ? t("processAgain") : t("process")}
            </MenuItem>
            <MenuItem isDanger onSelect={() => onDelete(video)}>
              <Trash2 aria-hidden /> {t("delete")}
            </MenuItem>
          </MenuContent>
        </Menu>
      )}
    </div>
  );
}
