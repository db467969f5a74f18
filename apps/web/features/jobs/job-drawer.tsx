"use client";

import Link from "next/link";
import type { ReactNode } from "react";
import { useFormatter, useTranslations } from "use-intl";
import { $api } from "@/api/client";
import { isRunning, type Job } from "@/api/types";
import { Button } from "@/components/ui/button";
import { Dialog, DialogContent } from "@/components/ui/dialog";
import { ErrorState, LoadingRows } from "@/components/ui/states";
import { JobActions } from "./job-actions";
import { JobAttempt } from "./job-attempt";
import { JobLogList } from "./job-log-list";
import { JobMetrics } from "./job-metrics";
import { JobProgress } from "./job-progress";
import { JobStatusBadge } from "./job-status-badge";

/** Everything about one job; open while `jobId` is not empty. */
export function JobDrawer({ jobId, onClose }: { jobId: string; onClose: () => void }) {
  const t = useTranslations("jobs");
  const job = $api.useQuery(
    "get",
    "/api/v1/jobs/{job_id}",
    { params: { path: { job_id: jobId } } },
    { enabled: jobId !== "" },
  );
  return (
    <Dialog open={jobId !== ""} onOpenChange={(isOpen) => !isOpen && onClose()}>
      <DialogContent
        side="right"
        title={job.data?.subject.label ?? t("job")}
        description={job.data ? t(`types.${job.data.type}`) : undefined}
      >
        <div className="flex-1 overflow-y-auto px-5 pb-6">
          {job.isError ? (
            <ErrorState error={job.error} onRetry={() => void job.refetch()} />
          ) : job.data ? (
            <JobDetails job={job.data} />
          ) : (
            <LoadingRows />
          )}
        </div>
      </DialogContent>
    </Dialog>
  );
}

function Fact({ label, children }: { label: string; children: ReactNode }) {
  return (
    <div>
      <dt className="text-ink-faint text-xs">{label}</dt>
      <dd className="mt-0.5 text-sm tabular-nums">{children}</dd>
    </div>
  );
}

function JobDetails({ job }: { job: Job }) {
  const t = useTranslations("jobs");
  const format = useFormatter();
  const moment = (at: string | null) =>
    at ? format.dateTime(new Date(at), { dateStyle: "medium", timeStyle: "medium" }) : "–";
  const productPath = job.subject.kind === "product" ? `/products/${job.subject.id}` : null;

  return (
    <div className="flex flex-col gap-5">
      <div className="flex items-center gap-3">
        <JobStatusBadge status={job.status} />
        {isRunning(job) && <JobProgress job={job} className="flex-1" />}
        <div className="ml-auto flex gap-2">
          {productPath && (
            <Button size="sm" asChild>
              <Link href={productPath}>{t("openProduct")}</Link>
            </Button>
          )}
          <JobActions job={job} />
        </div>
      </div>
      {job.error_message && (
        <div role="alert" className="rounded-md bg-red-soft px-3 py-2 text-red-text text-sm">
          {job.error_code && <p className="font-mono text-xs">{job.error_code}</p>}
          <p>{job.error_message}</p>
        </div>
      )}
      <dl className="grid grid-cols-2 gap-x-6 gap-y-3">
        <Fact label={t("created")}>{moment(job.created_at)}</Fact>
        <Fact label={t("createdBy")}>{job.created_by ?? t("platform")}</Fact>
        <Fact label={t("started")}>{moment(job.started_at)}</Fact>
        <Fact label={t("ended")}>{moment(job.completed_at)}</Fact>
        <Fact label={t("attempt")}>
          <JobAttempt job={job} />
        </Fact>
        <Fact label={t("executor")}>{job.executor}</Fact>
      </dl>
      <JobMetrics metrics={job.metrics} />
      <JobLogList job={job} />
    </div>
  );
}
