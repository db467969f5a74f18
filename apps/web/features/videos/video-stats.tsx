"use client";

import { useTranslations } from "use-intl";
import { $api } from "@/api/client";
import type { VideoStatus } from "@/api/types";
import { cn } from "@/components/ui/class-names";
import { Skeleton } from "@/components/ui/states";

const CARDS = [
  { name: "pending", status: "pending", dot: "bg-yellow-dot" },
  { name: "processing", status: "processing", dot: "bg-blue-dot" },
  { name: "completed_today", status: "completed", dot: "bg-green-dot" },
  { name: "failed", status: "failed", dot: "bg-red-dot" },
] as const;

type Props = { chosen: VideoStatus | undefined; onChoose: (status: VideoStatus | undefined) => void };

/** The four figures of the queue; each is also the filter for what it counts. */
export function VideoStats({ chosen, onChoose }: Props) {
  const t = useTranslations("videos");
  const queue = $api.useQuery("get", "/api/v1/videos/queue");
  return (
    <div className="grid grid-cols-2 gap-3 lg:grid-cols-4">
      {CARDS.map(({ name, status, dot }) => {
        const isChosen = chosen === status;
        return (
          <button
            key={name}
            type="button"
            aria-pressed={isChosen}
            onClick={() => onChoose(isChosen ? undefined : status)}
            className={cn(
              "rounded-lg border border-line bg-surface px-4 py-3 text-left hover:bg-hover",
              isChosen && "border-accent bg-accent-soft hover:bg-accent-soft",
            )}
          >
            <span className="flex items-center gap-2 text-ink-soft text-sm">
              <span className={cn("size-2 rounded-full", dot)} aria-hidden />
              {t(`stats.${name}`)}
            </span>
            {queue.data ? (
              <span className="mt-1 block font-semibold text-2xl tabular-nums tracking-tight">
                {queue.data.stats[name]}
              </span>
            ) : queue.isError ? (
              <span className="mt-1 block text-2xl text-ink-faint">–</span>
            ) : (
              <Skeleton className="mt-2 h-7 w-12" />
            )}
          </button>
        );
      })}
    </div>
  );
}
