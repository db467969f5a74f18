"use client";

import { getCoreRowModel, type RowSelectionState, useReactTable } from "@tanstack/react-table";
import { Play, Trash2, X } from "lucide-react";
import { useState } from "react";
import { useTranslations } from "use-intl";
import type { Video } from "@/api/types";
import { Button } from "@/components/ui/button";
import { ConfirmDialog } from "@/components/ui/confirm-dialog";
import { DataTable } from "@/components/ui/data-table";
import { useIsOperator } from "@/features/accounts/use-is-operator";
import { useVideoActions } from "./use-video-actions";
import { useVideoColumns } from "./video-columns";

const canProcess = (video: Video) => video.status === "pending" || video.status === "failed";

export function VideoTable({ videos, isStale }: { videos: Video[]; isStale: boolean }) {
  const t = useTranslations("videos");
  const isOperator = useIsOperator();
  const actions = useVideoActions();
  const [selection, setSelection] = useState<RowSelectionState>({});
  const [toDelete, setToDelete] = useState<Video[]>([]);
  const [isDeleting, setIsDeleting] = useState(false);
  const columns = useVideoColumns({
    onProcess: (video) => actions.process([video.id]),
    onRetry: (video) => actions.retry(video.id),
    onDelete: (video) => setToDelete([video]),
  });
  const table = useReactTable({
    data: videos,
    columns,
    state: { rowSelection: selection },
    onRowSelectionChange: setSelection,
    getCoreRowModel: getCoreRowModel(),
    getRowId: (video) => video.id,
    initialState: { columnVisibility: { select: isOperator } },
    enableSorting: false,
  });
  const selected = table.getSelectedRowModel().rows.map((row) => row.original);
  const processable = selected.filter(canProcess);

  async function onDelete() {
    setIsDeleting(true);
    await actions.remove(toDelete.map((video) => video.id));
    setIsDeleting(false);
    setToDelete([]);
    setSelection({});
  }

  return (
    <>
      {selected.length > 0 && (
        <section
          aria-label={t("selection")}
          className="flex items-center gap-2 border-line border-b bg-accent-soft/60 px-4 py-2 text-sm"
        >
          <p className="flex-1 font-medium" aria-live="polite">
            {t("selected", { count: selected.length })}
          </p>
          {processable.length > 0 && (
            <Button
              size="sm"
              variant="primary"
              isBusy={actions.isProcessing}
              onClick={() => {
                actions.process(processable.map((video) => video.id));
                setSelection({});
              }}
            >
              <Play aria-hidden /> {t("processSelected", { count: processable.length })}
            </Button>
          )}
          <Button size="sm" onClick={() => setToDelete(selected)}>
            <Trash2 aria-hidden /> {t("delete")}
          </Button>
          <Button
            size="icon-sm"
            variant="ghost"
            aria-label={t("clearSelection")}
            onClick={() => setSelection({})}
          >
            <X />
          </Button>
        </section>
      )}
      <DataTable table={table} label={t("title")} isStale={isStale} />
      <ConfirmDialog
        isOpen={toDelete.length > 0}
        title={t("deleteTitle", { count: toDelete.length })}
        description={t("deleteText", { names: toDelete.map((video) => video.filename).join(", ") })}
        action={t("delete")}
        isBusy={isDeleting}
        onConfirm={() => void onDelete()}
        onClose={() => setToDelete([])}
      />
    </>
  );
}
