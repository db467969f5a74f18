"use client";

import { ArrowLeft, PackageX } from "lucide-react";
import Link from "next/link";
import { useRef } from "react";
import { useTranslations } from "use-intl";
import { $api } from "@/api/client";
import { toProblem } from "@/api/problem";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { EmptyState, ErrorState, LoadingRows } from "@/components/ui/states";
import { Tabs, TabsContent, TabsList, TabsTrigger } from "@/components/ui/tabs";
import { useRouteId } from "@/routing/use-route-id";
import { useUrlState } from "@/routing/use-url-state";
import { Gallery } from "./gallery";
import { MetadataTab } from "./metadata-tab";
import { ProductHeader } from "./product-header";
import { SourceVideo, type VideoHandle } from "./source-video";

const GALLERIES = ["synthetic", "real", "augmented"] as const;

export function ProductPage() {
  const t = useTranslations("product");
  const product_id = useRouteId();
  const [url, setUrl] = useUrlState(["tab", "edit"]);
  const video = useRef<VideoHandle>(null);
  const request = { params: { path: { product_id } } };
  const product = $api.useQuery("get", "/api/v1/products/{product_id}", request);
  const frames = $api.useQuery("get", "/api/v1/products/{product_id}/frames", request);

  if (product.isPending) return <LoadingRows count={8} />;
  if (product.isError && !product.data) {
    return (
      <Card>
        {[404, 422].includes(toProblem(product.error).status) ? (
          <EmptyState
            icon={PackageX}
            title={t("missing")}
            action={
              <Button asChild>
                <Link href="/products">{t("back")}</Link>
              </Button>
            }
          >
            {t("missingText")}
          </EmptyState>
        ) : (
          <ErrorState error={product.error} onRetry={() => void product.refetch()} />
        )}
      </Card>
    );
  }

  const hasVideo = product.data.video !== null;
  return (
    <>
      <Link
        href="/products"
        className="mb-2 inline-flex items-center gap-1 rounded-sm text-ink-soft text-xs hover:text-ink"
      >
        <ArrowLeft className="size-3.5" aria-hidden /> {t("back")}
      </Link>
      <ProductHeader product={product.data} />
      <div className="mt-5 grid items-start gap-5 lg:grid-cols-[minmax(16rem,20rem)_minmax(0,1fr)]">
        <div className="lg:sticky lg:top-18">
          <SourceVideo ref={video} video={product.data.video} />
        </div>
        <Tabs
          value={url.tab || (url.edit ? "metadata" : "synthetic")}
          onValueChange={(tab) => setUrl({ tab, edit: "" })}
        >
          <TabsList aria-label={t("parts")}>
            <TabsTrigger value="metadata">{t("tabs.metadata")}</TabsTrigger>
            {GALLERIES.map((name) => (
              <TabsTrigger key={name} value={name}>
                {t(`tabs.${name}`)}
                <span className="text-ink-faint text-xs tabular-nums">
                  {frames.data?.[name].length ?? ""}
                </span>
              </TabsTrigger>
            ))}
          </TabsList>
          <TabsContent value="metadata">
            <MetadataTab
              product={product.data}
              isEditing={url.edit !== ""}
              onEditing={(isEditing) => setUrl({ tab: "metadata", edit: isEditing ? "1" : "" })}
            />
          </TabsContent>
          {GALLERIES.map((name) => (
            <TabsContent key={name} value={name}>
              {frames.isPending ? (
                <LoadingRows />
              ) : frames.isError ? (
                <ErrorState error={frames.error} onRetry={() => void frames.refetch()} />
              ) : (
                <Gallery
                  name={name}
                  images={frames.data[name]}
                  onSeek={hasVideo ? (at_s) => video.current?.seek(at_s) : undefined}
                />
              )}
            </TabsContent>
          ))}
        </Tabs>
      </div>
    </>
  );
}
