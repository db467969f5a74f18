"use client";

import { useRouter } from "next/navigation";
import { useCallback, useEffect, useRef } from "react";
import { toast } from "sonner";
import { useTranslations } from "use-intl";
import type { LiveEvent } from "@/api/events";
import type { Job } from "@/api/types";

const GATHER_MS = 1200;

/** Say when jobs end: each failure by itself with its reason, completions gathered into one message. */
export function useJobToasts() {
  const t = useTranslations("notifications");
  const router = useRouter();
  const running = useRef(new Set<string>());
  const completed = useRef<Job[]>([]);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);

  return useCallback(
    (event: LiveEvent) => {
      if (event.kind !== "job") return;
      const job = event.data;
      if (job.status !== "completed" && job.status !== "failed") {
        running.current.add(job.id);
        return;
      }
      // Only what was seen running: a replay of old events is no news. A tab in the background stays quiet.
      if (!running.current.delete(job.id) || document.hidden) return;
      const label = job.subject.label;
      if (job.status === "failed") {
        toast.error(t("failed", { label }), {
          description: job.error_message ?? undefined,
          action: { label: t("open"), onClick: () => router.push(`/jobs?job=${job.id}`) },
        });
        return;
      }
      completed.current.push(job);
      clearTimeout(timer.current);
      timer.current = setTimeout(() => {
        const jobs = completed.current;
        completed.current = [];
        toast.success(
          jobs.length === 1 ? t("completed", { label }) : t("completedMany", { count: jobs.length }),
        );
      }, GATHER_MS);
    },
    [t, router],
  );
}
