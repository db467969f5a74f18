"use client";

import { CloudUpload } from "lucide-react";
import { useTranslations } from "use-intl";
import { $api } from "@/api/client";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { cn } from "@/components/ui/class-names";
import { DropZone } from "@/components/ui/drop-zone";
import { useProblemText } from "@/components/ui/problem-text";
import { Progress } from "@/components/ui/progress";
import { useLeaveWarning } from "@/routing/use-leave-warning";
import { type PhotoUpload, photoUploads, usePhotoUpload } from "./upload-store";

const PHOTO_TYPES = "image/jpeg,image/png,image/webp,application/zip,.zip";

export function PhotoUploadPanel() {
  const t = useTranslations("photos");
  const upload = usePhotoUpload();
  useLeaveWarning(upload?.phase === "sending");
  return (
    <DropZone
      label={t("choose")}
      accept={PHOTO_TYPES}
      isMultiple
      onFiles={(files) => photoUploads.add(files)}
      className="mb-4"
    >
      {(choose, isOver) => (
        <>
          <div
            className={cn(
              "flex items-center gap-4 rounded-lg border border-line-strong border-dashed bg-surface px-5 py-3 transition-colors",
              isOver && "border-accent bg-accent-soft",
            )}
          >
            <span className="grid size-9 shrink-0 place-items-center rounded-lg bg-accent-soft text-accent-text">
              <CloudUpload className="size-5" aria-hidden />
            </span>
            <div className="min-w-0 flex-1">
              <p className="font-medium text-sm">{t("drop")}</p>
              <p className="text-ink-soft text-xs">{t("formats")}</p>
            </div>
            <Button variant="primary" onClick={choose}>
              {t("choose")}
            </Button>
          </div>
          {upload && <UploadState upload={upload} />}
        </>
      )}
    </DropZone>
  );
}

function UploadState({ upload }: { upload: PhotoUpload }) {
  const t = useTranslations("photos");
  const problemText = useProblemText();
  const isSending = upload.phase === "sending";
  const hasRest = upload.phase === "failed" || upload.phase === "stopped";
  return (
    <Card className="mt-2 text-sm" aria-label={t("uploads")}>
      <div className="flex items-center gap-3 px-4 py-2">
        <div className="min-w-0 flex-1">
          <p className="flex flex-wrap items-center gap-x-3" role="status">
            <span className="font-medium">
              {isSending || hasRest
                ? t("uploading", { sent: upload.sentCount, all: upload.fileCount })
                : t("uploaded", { all: upload.fileCount })}
            </span>
            <UploadCounts upload={upload} />
          </p>
          {isSending && (
            <Progress className="mt-1.5" value={upload.fraction * 100} label={t("uploadProgress")} />
          )}
          {upload.problem && (
            <p role="alert" className="mt-1 text-red-text text-xs">
              {problemText(upload.problem)}
            </p>
          )}
        </div>
        {isSending && (
          <Button size="sm" onClick={() => photoUploads.stop()}>
            {t("stop")}
          </Button>
        )}
        {hasRest && (
          <Button size="sm" variant="primary" onClick={() => photoUploads.retry()}>
            {t("retry")}
          </Button>
        )}
        {!isSending && (
          <Button size="sm" variant="ghost" onClick={() => photoUploads.clear()}>
            {t("clear")}
          </Button>
        )}
      </div>
      {upload.refused.length > 0 && (
        <ul
          aria-label={t("refusedFiles")}
          className="max-h-28 overflow-y-auto border-line border-t px-4 py-2 text-xs"
        >
          {upload.refused.map(({ name, reason }, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: a name may come twice, and the list only grows
            <li key={index} className="flex gap-3 py-0.5">
              <span className="max-w-72 shrink-0 truncate font-medium">{name}</span>
              <span className="text-red-text">{reason}</span>
            </li>
          ))}
        </ul>
      )}
    </Card>
  );
}

function UploadCounts({ upload }: { upload: PhotoUpload }) {
  const t = useTranslations("photos");
  const state = $api.useQuery(
    "get",
    "/api/v1/real-images/imports/{import_id}",
    { params: { path: { import_id: upload.import_id ?? "" } } },
    {
      enabled: upload.import_id !== null && upload.phase === "done",
      refetchInterval: ({ state: { data } }) => (data && !data.is_being_read ? false : 2000),
    },
  );
  const unreadCount = state.data?.n_unread ?? 0;
  return (
    <span className="flex flex-wrap gap-x-3 text-ink-soft text-xs tabular-nums">
      <span className="text-green-text">{t("countNew", { count: upload.newCount })}</span>
      <span>{t("countKnown", { count: upload.knownCount })}</span>
      {upload.refusedCount > 0 && (
        <span className="text-red-text">{t("countRefused", { count: upload.refusedCount })}</span>
      )}
      {unreadCount > 0 && <span>{t("countUnread", { count: unreadCount })}</span>}
    </span>
  );
}
