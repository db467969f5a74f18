"use client";

import { keepPreviousData } from "@tanstack/react-query";
import { ListChecks } from "lucide-react";
import { useTranslations } from "use-intl";
import { $api } from "@/api/client";
import { JOB_STATUSES, JOB_TYPES } from "@/api/types";
import { PageHeader } from "@/components/shell/page-header";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { Pagination } from "@/components/ui/pagination";
import { Select } from "@/components/ui/select";
import { EmptyState, ErrorState, LoadingRows } from "@/components/ui/states";
import { findChoice, readPage, useUrlState } from "@/routing/use-url-state";
import { JobDrawer } from "./job-drawer";
import { JobTable } from "./job-table";
import { QueueSlots } from "./queue-slots";

const LIMIT = 50;

export function JobsPage() {
  const t = useTranslations("jobs");
  const [url, setUrl] = useUrlState(["type", "status", "page", "job"]);
  const page = readPage(url.page);
  const type = findChoice(JOB_TYPES, url.type);
  const status = findChoice(JOB_STATUSES, url.status);
  const jobs = $api.useQuery(
    "get",
    "/api/v1/jobs",
    { params: { query: { type, status, page, limit: LIMIT } } },
    { placeholderData: keepPreviousData },
  );
  const isFiltered = Boolean(type || status);

  return (
    <>
      <PageHeader title={t("title")} description={t("description")} />
      <QueueSlots />
      <Card className="mt-4">
        <div className="flex flex-wrap gap-2 border-line border-b px-4 py-2.5">
          <Select
            label={t("type")}
            value={type ?? ""}
            onChange={(value) => setUrl({ type: value, page: "" })}
            options={[
              { value: "", label: t("allTypes") },
              ...JOB_TYPES.map((one) => ({ value: one, label: t(`types.${one}`) })),
            ]}
          />
          <Select
            label={t("status")}
            value={status ?? ""}
            onChange={(value) => setUrl({ status: value, page: "" })}
            options={[
              { value: "", label: t("allStatuses") },
              ...JOB_STATUSES.map((one) => ({ value: one, label: t(`statuses.${one}`) })),
            ]}
          />
        </div>
        {jobs.isPending ? (
          <LoadingRows />
        ) : jobs.isError ? (
          <ErrorState error={jobs.error} onRetry={() => void jobs.refetch()} />
        ) : jobs.data.total === 0 ? (
          <EmptyState
            icon={ListChecks}
            title={isFiltered ? t("noMatch") : t("empty")}
            action={
              isFiltered && (
                <Button onClick={() => setUrl({ type: "", status: "", page: "" })}>
                  {t("clearFilters")}
                </Button>
              )
            }
          >
            {isFiltered ? undefined : t("emptyText")}
          </EmptyState>
        ) : (
          <>
            <JobTable
              jobs={jobs.data.items}
              isStale={jobs.isPlaceholderData}
              onOpen={(job) => setUrl({ job: job.id })}
            />
            <Pagination found={jobs.data} onPage={(next) => setUrl({ page: String(next) })} />
          </>
        )}
      </Card>
      <JobDrawer jobId={url.job} onClose={() => setUrl({ job: "" })} />
    </>
  );
}
