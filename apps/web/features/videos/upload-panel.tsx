"use client";

import { CloudUpload } from "lucide-react";
import { useEffect, useId, useRef, useState } from "react";
import { useTranslations } from "use-intl";
import { Button } from "@/components/ui/button";
import { Checkbox } from "@/components/ui/checkbox";
import { cn } from "@/components/ui/class-names";
import { DropZone } from "@/components/ui/drop-zone";
import { useLeaveWarning } from "@/routing/use-leave-warning";
import { useUrlState } from "@/routing/use-url-state";
import { UploadList } from "./upload-list";
import { uploadStore, useUploads } from "./upload-store";

export const VIDEO_TYPES = "video/mp4,video/quicktime,video/webm,video/x-matroska,.mp4,.mov,.webm,.mkv,.avi";

export function UploadPanel() {
  const t = useTranslations("upload");
  const processId = useId();
  const [isProcessed, setIsProcessed] = useState(true);
  const uploads = useUploads();
  const [url, setUrl] = useUrlState(["upload"]);
  const chooseButton = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (!url.upload) return;
    chooseButton.current?.focus();
    setUrl({ upload: "" });
  }, [url.upload, setUrl]);
  useLeaveWarning(uploads.some((one) => one.state === "waiting" || one.state === "sending"));

  return (
    <>
      <DropZone
        label={t("choose")}
        accept={VIDEO_TYPES}
        isMultiple
        onFiles={(files) => uploadStore.add(files, isProcessed)}
      >
        {(choose, isOver) => (
          <div
            className={cn(
              "flex items-center gap-4 rounded-lg border border-line-strong border-dashed bg-surface px-5 py-4 transition-colors",
              isOver && "border-accent bg-accent-soft",
            )}
          >
            <span className="grid size-10 shrink-0 place-items-center rounded-lg bg-accent-soft text-accent-text">
              <CloudUpload className="size-5" aria-hidden />
            </span>
            <div className="min-w-0 flex-1">
              <p className="font-medium text-sm">{t("drop")}</p>
              <p className="text-ink-soft text-xs">{t("formats")}</p>
            </div>
            <label htmlFor={processId} className="flex items-center gap-2 text-ink-soft text-sm">
              <Checkbox
                id={processId}
                checked={isProcessed}
                onCheckedChange={(checked) => setIsProcessed(checked === true)}
              />
              {t("processAfter")}
            </label>
            <Button ref={chooseButton} variant="primary" onClick={choose}>
              {t("choose")}
            </Button>
          </div>
        )}
      </DropZone>
      <UploadList uploads={uploads} />
    </>
  );
}
