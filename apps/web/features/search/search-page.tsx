"use client";

import { useMutation } from "@tanstack/react-query";
import { ImageUp, ScanSearch } from "lucide-react";
import { useCallback, useEffect, useState } from "react";
import { useTranslations } from "use-intl";
import { toProblem } from "@/api/problem";
import { searchByPhoto } from "@/api/search";
import { PageHeader } from "@/components/shell/page-header";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { cn } from "@/components/ui/class-names";
import { DropZone } from "@/components/ui/drop-zone";
import { Kbd } from "@/components/ui/kbd";
import { EmptyState, ErrorState, LoadingRows } from "@/components/ui/states";
import { PhotoPreview } from "./photo-preview";
import { SearchResults } from "./search-results";

const PHOTO_TYPES = "image/jpeg,image/png,image/webp";
const RESULT_COUNT = 10;

type Photo = { file: File; url: string };

export function SearchPage() {
  const t = useTranslations("search");
  const [photo, setPhoto] = useState<Photo | null>(null);
  const search = useMutation({ mutationFn: (file: File) => searchByPhoto(file, RESULT_COUNT) });
  const { mutate } = search;

  const start = useCallback(
    (file: File) => {
      setPhoto({ file, url: URL.createObjectURL(file) });
      mutate(file);
    },
    [mutate],
  );
  useEffect(() => () => URL.revokeObjectURL(photo?.url ?? ""), [photo]);

  useEffect(() => {
    function onPaste(event: ClipboardEvent) {
      const file = [...(event.clipboardData?.files ?? [])].find((one) => one.type.startsWith("image/"));
      if (file) start(file);
    }
    window.addEventListener("paste", onPaste);
    return () => window.removeEventListener("paste", onPaste);
  }, [start]);

  return (
    <>
      <PageHeader title={t("title")} description={t("description")} />
      <DropZone label={t("choose")} accept={PHOTO_TYPES} onFiles={(files) => files[0] && start(files[0])}>
        {(choose, isOver) => (
          <div
            className={cn(
              "grid items-start gap-5 rounded-lg",
              photo && "lg:grid-cols-[minmax(18rem,26rem)_minmax(0,1fr)]",
            )}
          >
            <Card
              className={cn(
                "overflow-hidden border-line-strong transition-colors",
                !photo && "border-dashed",
                isOver && "border-accent bg-accent-soft",
              )}
            >
              {photo ? (
                <PhotoPreview
                  url={photo.url}
                  box_xyxy={search.data?.product_box_xyxy ?? null}
                  onChoose={choose}
                />
              ) : (
                <EmptyState
                  icon={ImageUp}
                  title={t("drop")}
                  action={
                    <Button variant="primary" onClick={choose}>
                      {t("choose")}
                    </Button>
                  }
                >
                  {t.rich("dropText", { kbd: (text) => <Kbd>{text}</Kbd> })}
                </EmptyState>
              )}
            </Card>
            {photo && (
              <Card>
                {search.isPending ? (
                  <LoadingRows count={5} className="py-5" />
                ) : search.isError ? (
                  toProblem(search.error).code === "NO_VECTORS" ? (
                    <EmptyState icon={ScanSearch} title={t("empty")} />
                  ) : (
                    <ErrorState error={search.error} onRetry={() => mutate(photo.file)} />
                  )
                ) : search.data ? (
                  <SearchResults answer={search.data} />
                ) : null}
              </Card>
            )}
          </div>
        )}
      </DropZone>
    </>
  );
}
