"use client";

import { Check, CircleAlert, RotateCw, X } from "lucide-react";
import { useTranslations } from "use-intl";
import { Button } from "@/components/ui/button";
import { Card, CardHeader } from "@/components/ui/card";
import { cn } from "@/components/ui/class-names";
import { useProblemText } from "@/components/ui/problem-text";
import { Progress } from "@/components/ui/progress";
import { useQuantities } from "@/components/ui/quantities";
import { type Upload, uploadStore } from "./upload-store";

export function UploadList({ uploads }: { uploads: Upload[] }) {
  const t = useTranslations("upload");
  if (uploads.length === 0) return null;
  const endedCount = uploads.filter((one) => one.state !== "waiting" && one.state !== "sending").length;
  return (
    <Card className="mt-3">
      <CardHeader title={t("progress", { ended: endedCount, all: uploads.length })}>
        {endedCount > 0 && (
          <Button variant="ghost" size="sm" onClick={() => uploadStore.clearEnded()}>
            {t("clear")}
          </Button>
        )}
      </CardHeader>
      <ul className="max-h-72 overflow-y-auto" aria-label={t("list")}>
        {uploads.map((upload) => (
          <UploadRow key={upload.id} upload={upload} />
        ))}
      </ul>
    </Card>
  );
}

function UploadRow({ upload }: { upload: Upload }) {
  const t = useTranslations("upload");
  const problemText = useProblemText();
  const { size, percent } = useQuantities();
  const isMoving = upload.state === "waiting" || upload.state === "sending";
  const hasFailed = upload.state === "failed" || upload.state === "refused";

  function describe(): string {
    if (upload.state === "refused") return t("refused", { reason: upload.reason ?? "" });
    if (upload.problem?.code === "QUEUE_FULL") return t("queueFull");
    if (upload.problem) return problemText(upload.problem);
    return t(`states.${upload.state}`);
  }

  return (
    <li className="flex items-center gap-3 border-line border-b px-4 py-2 text-sm last:border-b-0">
      <span className="w-64 min-w-0 truncate font-medium">{upload.filename}</span>
      <span className="w-20 shrink-0 text-ink-faint text-xs tabular-nums">{size(upload.sizeBytes)}</span>
      {isMoving ? (
        <>
          <Progress
            className="flex-1"
            value={upload.fraction * 100}
            label={t("progressOf", { filename: upload.filename })}
          />
          <span className="w-28 text-right text-ink-soft text-xs tabular-nums">
            {upload.state === "waiting" ? t("states.waiting") : percent(upload.fraction)}
          </span>
        </>
      ) : (
        <span
          role={hasFailed ? "alert" : "status"}
          className={cn(
            "flex min-w-0 flex-1 items-center gap-1.5 text-xs",
            hasFailed ? "text-red-text" : upload.problem ? "text-yellow-text" : "text-ink-soft",
          )}
        >
          {hasFailed || upload.problem ? (
            <CircleAlert className="size-3.5 shrink-0" aria-hidden />
          ) : (
            upload.state !== "stopped" && <Check className="size-3.5 shrink-0 text-green-text" aria-hidden />
          )}
          {describe()}
        </span>
      )}
      {isMoving && (
        <Button
          variant="ghost"
          size="icon-sm"
          aria-label={t("stop", { filename: upload.filename })}
          onClick={() => uploadStore.stop(upload.id)}
        >
          <X />
        </Button>
      )}
      {(upload.state === "failed" || upload.state === "stopped") && (
        <Button
          variant="ghost"
          size="icon-sm"
          aria-label={t("again", { filename: upload.filename })}
          onClick={() => uploadStore.retry(upload.id)}
        >
          <RotateCw />
        </Button>
      )}
    </li>
  );
}
