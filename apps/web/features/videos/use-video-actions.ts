"use client";

import { useQueryClient } from "@tanstack/react-query";
import { useMemo } from "react";
import { toast } from "sonner";
import { useTranslations } from "use-intl";
import { $api, fetchClient } from "@/api/client";
import { toProblem } from "@/api/problem";
import { useProblemText } from "@/components/ui/problem-text";

type ProcessAnswer = { jobs: unknown[]; skipped: { reason: string }[] };

/** Process, retry and delete videos, with what came of it said in a toast. */
export function useVideoActions() {
  const t = useTranslations("videos");
  const problemText = useProblemText();
  const client = useQueryClient();

  const options = useMemo(() => {
    const refresh = () => client.invalidateQueries();
    return {
      onSuccess(answer: ProcessAnswer) {
        if (answer.jobs.length > 0) toast.success(t("started", { count: answer.jobs.length }));
        if (answer.skipped.length > 0) {
          const reasons = [...new Set(answer.skipped.map((one) => one.reason))];
          toast.warning(t("skipped", { count: answer.skipped.length }), { description: reasons.join("; ") });
        }
        void refresh();
      },
      onError(error: unknown) {
        if (toProblem(error).code === "QUEUE_FULL") {
          toast.warning(problemText(error), { description: t("staysPending") });
        } else {
          toast.error(problemText(error));
        }
        void refresh();
      },
    };
  }, [client, problemText, t]);

  const process = $api.useMutation("post", "/api/v1/videos/process", options);
  const retry = $api.useMutation("post", "/api/v1/videos/{video_id}/retry", options);

  return {
    isProcessing: process.isPending,
    isRetrying: retry.isPending,
    process: (video_ids: string[]) => process.mutate({ body: { video_ids } }),
    retry: (video_id: string) => retry.mutate({ params: { path: { video_id } } }),
    /** Delete one after another, so that a refusal names its video and the others still go. */
    async remove(video_ids: string[]) {
      let count = 0;
      for (const video_id of video_ids) {
        try {
          await fetchClient.DELETE("/api/v1/videos/{video_id}", { params: { path: { video_id } } });
          count += 1;
        } catch (error) {
          toast.error(problemText(error));
        }
      }
      if (count > 0) toast.success(t("deleted", { count }));
      await client.invalidateQueries();
    },
  };
}
