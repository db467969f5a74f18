"use client";

import { useQueryClient } from "@tanstack/react-query";
import { Ban, RotateCw } from "lucide-react";
import { toast } from "sonner";
import { useTranslations } from "use-intl";
import { $api } from "@/api/client";
import { isRunning, type Job } from "@/api/types";
import { Button } from "@/components/ui/button";
import { useProblemText } from "@/components/ui/problem-text";
import { useIsOperator } from "@/features/accounts/use-is-operator";

/** Cancel what waits or runs; retry what failed or was cancelled. */
export function JobActions({ job }: { job: Job }) {
  const t = useTranslations("jobs");
  const problemText = useProblemText();
  const client = useQueryClient();
  const isOperator = useIsOperator();
  const options = {
    onSuccess: () => client.invalidateQueries(),
    onError: (error: unknown) => toast.error(problemText(error)),
  };
  const cancel = $api.useMutation("post", "/api/v1/jobs/{job_id}/cancel", options);
  const retry = $api.useMutation("post", "/api/v1/jobs/{job_id}/retry", options);
  const request = { params: { path: { job_id: job.id } } };

  if (!isOperator) return null;
  if (isRunning(job)) {
    return (
      <Button
        size="sm"
        isBusy={cancel.isPending}
        disabled={job.cancel_requested_at !== null}
        onClick={() => cancel.mutate(request)}
      >
        <Ban aria-hidden /> {t("cancel")}
      </Button>
    );
  }
  if (job.status === "completed") return null;
  return (
    <Button size="sm" isBusy={retry.isPending} onClick={() => retry.mutate(request)}>
      <RotateCw aria-hidden /> {t("retry")}
    </Button>
  );
}
