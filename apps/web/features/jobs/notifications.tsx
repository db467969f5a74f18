"use client";

import { Bell, CircleCheck, CircleX } from "lucide-react";
import Link from "next/link";
import { useEffect, useState } from "react";
import { useTranslations } from "use-intl";
import { $api } from "@/api/client";
import type { Job } from "@/api/types";
import { Button } from "@/components/ui/button";
import { cn } from "@/components/ui/class-names";
import { Popover, PopoverContent, PopoverTrigger } from "@/components/ui/popover";
import { TimeAgo } from "@/components/ui/quantities";
import { setPreferences, usePreferences } from "@/preferences/store";

const hasEnded = (job: Job): job is Job & { completed_at: string } =>
  (job.status === "completed" || job.status === "failed") && job.completed_at !== null;

/** Jobs that ended lately; live events keep the list fresh, and what ended since it was last opened counts as unread. */
export function Notifications() {
  const t = useTranslations("notifications");
  const { jobsSeenAt } = usePreferences();
  const [seenBefore, setSeenBefore] = useState(jobsSeenAt);
  const jobs = $api.useQuery("get", "/api/v1/jobs", { params: { query: { limit: 30 } } });
  const isLoaded = jobs.data !== undefined;
  const ended = (jobs.data?.items ?? [])
    .filter(hasEnded)
    .sort((one, other) => other.completed_at.localeCompare(one.completed_at));
  // On a browser's first visit, what ended before is no news.
  useEffect(() => {
    if (isLoaded && jobsSeenAt === "") setPreferences({ jobsSeenAt: new Date().toISOString() });
  }, [isLoaded, jobsSeenAt]);
  const unreadCount =
    jobsSeenAt === ""
      ? 0
      : ended.filter((job) => Date.parse(job.completed_at) > Date.parse(jobsSeenAt)).length;

  function onOpenChange(isOpen: boolean) {
    if (!isOpen) return;
    setSeenBefore(jobsSeenAt);
    const newest = ended[0]?.completed_at;
    if (newest) setPreferences({ jobsSeenAt: newest });
  }

  return (
    <Popover onOpenChange={onOpenChange}>
      <PopoverTrigger asChild>
        <Button
          variant="ghost"
          size="icon"
          className="relative"
          aria-label={t("title", { count: unreadCount })}
        >
          <Bell />
          {unreadCount > 0 && (
            <span className="absolute top-0.5 right-0 min-w-4 rounded-full bg-accent px-1 text-center font-semibold text-2xs text-accent-ink leading-4">
              {Math.min(unreadCount, 99)}
            </span>
          )}
        </Button>
      </PopoverTrigger>
      <PopoverContent className="w-96" aria-label={t("heading")}>
        <p className="border-line border-b px-4 py-2.5 font-semibold text-sm">{t("heading")}</p>
        {ended.length === 0 ? (
          <p className="px-4 py-8 text-center text-ink-soft text-sm">{t("empty")}</p>
        ) : (
          <ul className="max-h-96 overflow-y-auto py-1">
            {ended.slice(0, 15).map((job) => (
              <li key={job.id}>
                <Link
                  href={`/jobs?job=${job.id}`}
                  className={cn(
                    "flex gap-2.5 px-4 py-2 hover:bg-hover",
                    seenBefore !== "" &&
                      Date.parse(job.completed_at) > Date.parse(seenBefore) &&
                      "bg-accent-soft/50",
                  )}
                >
                  {job.status === "completed" ? (
                    <CircleCheck className="mt-0.5 size-4 shrink-0 text-green-text" aria-hidden />
                  ) : (
                    <CircleX className="mt-0.5 size-4 shrink-0 text-red-text" aria-hidden />
                  )}
                  <span className="min-w-0 flex-1 text-sm">
                    <span className="block truncate">
                      {t(job.status === "completed" ? "completed" : "failed", {
                        label: job.subject.label,
                      })}
                    </span>
                    {job.error_message && (
                      <span className="line-clamp-2 text-ink-soft text-xs">{job.error_message}</span>
                    )}
                    <TimeAgo at={job.completed_at} className="text-ink-faint text-xs" />
                  </span>
                </Link>
              </li>
            ))}
          </ul>
        )}
      </PopoverContent>
    </Popover>
  );
}
