"use client";

import { Activity as ActivityIcon, ListChecks, ScanSearch, Upload } from "lucide-react";
import Link from "next/link";
import { useTranslations } from "use-intl";
import { $api } from "@/api/client";
import { PageHeader } from "@/components/shell/page-header";
import { Button } from "@/components/ui/button";
import { Card, CardHeader } from "@/components/ui/card";
import { EmptyState, ErrorState, LoadingRows, Skeleton } from "@/components/ui/states";
import { useIsOperator } from "@/features/accounts/use-is-operator";
import { JobProgress } from "@/features/jobs/job-progress";
import { ActivityList } from "./activity-list";
import { CountCard } from "./count-card";

const COUNTS = ["products", "videos_processed", "datasets", "embeddings"] as const;

export function DashboardPage() {
  const t = useTranslations("dashboard");
  const dashboard = $api.useQuery("get", "/api/v1/dashboard");
  const isOperator = useIsOperator();
  const data = dashboard.data;

  return (
    <>
      <PageHeader title={t("title")}>
        <Button asChild>
          <Link href="/search">
            <ScanSearch aria-hidden /> {t("searchByPhoto")}
          </Link>
        </Button>
        {isOperator && (
          <Button variant="primary" asChild>
            <Link href="/videos?upload=1">
              <Upload aria-hidden /> {t("uploadVideos")}
            </Link>
          </Button>
        )}
      </PageHeader>
      {dashboard.isError && !data ? (
        <Card>
          <ErrorState error={dashboard.error} onRetry={() => void dashboard.refetch()} />
        </Card>
      ) : (
        <>
          <div className="grid grid-cols-2 gap-3 lg:grid-cols-4">
            {COUNTS.map((name) =>
              data ? (
                <CountCard key={name} label={t(`counts.${name}`)} {...data.counts[name]} />
              ) : (
                <Skeleton key={name} className="h-24" />
              ),
            )}
          </div>
          <div className="mt-4 grid items-start gap-4 lg:grid-cols-2">
            <Card>
              <CardHeader title={t("runningJobs")}>
                <Link href="/jobs" className="rounded-sm text-accent-text text-xs hover:underline">
                  {t("allJobs")}
                </Link>
              </CardHeader>
              {!data ? (
                <LoadingRows count={3} />
              ) : data.running_jobs.length === 0 ? (
                <EmptyState icon={ListChecks} title={t("noJobs")}>
                  {t("noJobsText")}
                </EmptyState>
              ) : (
                <ul>
                  {data.running_jobs.map((job) => (
                    <li key={job.id} className="border-line border-b px-4 py-3 last:border-b-0">
                      <Link
                        href={`/jobs?job=${job.id}`}
                        className="mb-1 block truncate rounded-sm font-medium text-sm hover:underline"
                      >
                        {job.subject.label}
                      </Link>
                      <JobProgress job={job} />
                    </li>
                  ))}
                </ul>
              )}
            </Card>
            <Card>
              <CardHeader title={t("activity")} />
              {!data ? (
                <LoadingRows />
              ) : data.recent_activity.length === 0 ? (
                <EmptyState icon={ActivityIcon} title={t("noActivity")}>
                  {t("noActivityText")}
                </EmptyState>
              ) : (
                <ActivityList activities={data.recent_activity} />
              )}
            </Card>
          </div>
        </>
      )}
    </>
  );
}
