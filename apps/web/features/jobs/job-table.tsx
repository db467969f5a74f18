"use client";

import { createColumnHelper, getCoreRowModel, useReactTable } from "@tanstack/react-table";
import { useMemo } from "react";
import { useTranslations } from "use-intl";
import { isRunning, type Job, spentSeconds } from "@/api/types";
import { DataTable } from "@/components/ui/data-table";
import { TimeAgo, useQuantities } from "@/components/ui/quantities";
import { JobActions } from "./job-actions";
import { JobAttempt } from "./job-attempt";
import { JobProgress } from "./job-progress";
import { JobStatusBadge } from "./job-status-badge";

const column = createColumnHelper<Job>();

type Props = { jobs: Job[]; isStale: boolean; onOpen: (job: Job) => void };

export function JobTable({ jobs, isStale, onOpen }: Props) {
  const t = useTranslations("jobs");
  const { duration } = useQuantities();
  const columns = useMemo(
    () => [
      column.display({
        id: "subject",
        header: t("job"),
        cell: ({ row: { original: job } }) => (
          <div className="min-w-0">
            <button
              type="button"
              className="block max-w-full truncate rounded-sm font-medium hover:underline"
              onClick={() => onOpen(job)}
            >
              {job.subject.label}
            </button>
            <p className="text-ink-faint text-xs">{t(`types.${job.type}`)}</p>
          </div>
        ),
        meta: { className: "max-w-72" },
      }),
      column.display({
        id: "status",
        header: t("status"),
        cell: ({ row }) => <JobStatusBadge status={row.original.status} />,
        meta: { className: "w-32" },
      }),
      column.display({
        id: "progress",
        header: t("progress"),
        cell: ({ row: { original: job } }) => {
          if (isRunning(job)) return <JobProgress job={job} />;
          if (job.status === "failed") {
            return (
              <p className="line-clamp-2 text-red-text text-xs" title={job.error_message ?? undefined}>
                {job.error_message ?? job.error_code}
              </p>
            );
          }
          const seconds = spentSeconds(job);
          return seconds === null ? null : (
            <span className="text-ink-faint text-xs">{t("took", { duration: duration(seconds) })}</span>
          );
        },
        meta: { className: "w-[34%]" },
      }),
      column.display({
        id: "attempt",
        header: t("attempt"),
        cell: ({ row: { original: job } }) => (
          <span className="text-ink-soft tabular-nums">
            <JobAttempt job={job} />
          </span>
        ),
        meta: { className: "w-24" },
      }),
      column.display({
        id: "created",
        header: t("created"),
        cell: ({ row: { original: job } }) => (
          <div className="whitespace-nowrap">
            <TimeAgo at={job.created_at} className="text-ink-soft" />
            {job.created_by && <p className="text-ink-faint text-xs">{job.created_by}</p>}
          </div>
        ),
        meta: { className: "w-36" },
      }),
      column.display({
        id: "actions",
        header: () => <span className="sr-only">{t("actions")}</span>,
        cell: ({ row }) => <JobActions job={row.original} />,
        meta: { className: "w-24 text-right" },
      }),
    ],
    [t, duration, onOpen],
  );
  const table = useReactTable({
    data: jobs,
    columns,
    getCoreRowModel: getCoreRowModel(),
    getRowId: (job) => job.id,
    enableSorting: false,
  });
  return <DataTable table={table} label={t("title")} onOpen={onOpen} isStale={isStale} />;
}
