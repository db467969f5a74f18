"use client";

import { useFormatter, useTranslations } from "use-intl";
import { $api } from "@/api/client";
import { isRunning, type Job, type JobLog } from "@/api/types";
import { cn } from "@/components/ui/class-names";
import { ErrorState, LoadingRows } from "@/components/ui/states";

const COLOUR: Record<string, string> = { error: "text-red-text", warning: "text-yellow-text" };
const POLL_MS = 2000;

export function JobLogList({ job }: { job: Job }) {
  const t = useTranslations("jobs");
  const logs = $api.useQuery(
    "get",
    "/api/v1/jobs/{job_id}/logs",
    { params: { path: { job_id: job.id }, query: { limit: 100 } } },
    { refetchInterval: isRunning(job) ? POLL_MS : false },
  );
  return (
    <section>
      <h3 className="mb-1.5 font-semibold text-sm">{t("log")}</h3>
      {logs.isPending ? (
        <LoadingRows count={3} />
      ) : logs.isError ? (
        <ErrorState error={logs.error} onRetry={() => void logs.refetch()} />
      ) : logs.data.items.length === 0 ? (
        <p className="text-ink-soft text-sm">{t("logEmpty")}</p>
      ) : (
        <ol className="rounded-md border border-line bg-sunken py-1.5 font-mono text-xs">
          {logs.data.items.map((line) => (
            <LogLine key={line.id} line={line} />
          ))}
        </ol>
      )}
    </section>
  );
}

function LogLine({ line }: { line: JobLog }) {
  const format = useFormatter();
  const fields = Object.entries(line.fields);
  return (
    <li className="flex gap-3 px-3 py-0.5">
      <time dateTime={line.at} className="shrink-0 text-ink-faint tabular-nums">
        {format.dateTime(new Date(line.at), { timeStyle: "medium" })}
      </time>
      <span className={cn("min-w-0 break-words", COLOUR[line.level])}>
        {line.event}
        {fields.map(([name, value]) => (
          <span key={name} className="ml-2 text-ink-faint">
            {name}={typeof value === "object" ? JSON.stringify(value) : String(value)}
          </span>
        ))}
      </span>
    </li>
  );
}
