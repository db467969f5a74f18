"use client";

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Bell, CircleAlert, CircleCheck, CircleX } from "lucide-react";
import Link from "next/link";
import { useState } from "react";
import { useTranslations } from "use-intl";
import { $api, fetchClient } from "@/api/client";
import type { Notification } from "@/api/types";
import { Button } from "@/components/ui/button";
import { cn } from "@/components/ui/class-names";
import { Popover, PopoverContent, PopoverTrigger } from "@/components/ui/popover";
import { TimeAgo, useQuantities } from "@/components/ui/quantities";
import { ErrorState, LoadingRows } from "@/components/ui/states";
import { describeNotification } from "./presentation";

const SHOWN = 30;
const MOST_COUNTED = 99;
const ICONS = {
  good: { icon: CircleCheck, className: "text-green-text" },
  bad: { icon: CircleX, className: "text-red-text" },
  plain: { icon: CircleAlert, className: "text-ink-soft" },
} as const;

/** What the signed-in person is told; live events keep it fresh, and opening the list marks all of it as read. */
export function Notifications() {
  const t = useTranslations("notifications");
  const client = useQueryClient();
  const [isOpen, setIsOpen] = useState(false);
  const [news, setNews] = useState<ReadonlySet<string>>(new Set());
  const unread = $api.useQuery("get", "/api/v1/notifications/unread-count");
  const list = $api.useQuery("get", "/api/v1/notifications", { params: { query: { limit: SHOWN } } });
  const readAll = useMutation({
    mutationFn: () => fetchClient.POST("/api/v1/notifications/read"),
    onSuccess: () =>
      client.invalidateQueries({
        predicate: ({ queryKey }) => String(queryKey[1]).startsWith("/api/v1/notifications"),
      }),
  });
  const rows = list.data?.items ?? [];
  const unreadCount = unread.data?.unread ?? 0;

  function onOpenChange(opens: boolean) {
    setIsOpen(opens);
    if (!opens) return;
    // They are read from now on, and stand out for as long as the list is open.
    setNews(new Set(rows.filter((row) => row.read_at === null).map((row) => row.id)));
    if (unreadCount > 0) readAll.mutate();
  }

  return (
    <Popover open={isOpen} onOpenChange={onOpenChange}>
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
              {unreadCount > MOST_COUNTED ? `${MOST_COUNTED}+` : unreadCount}
            </span>
          )}
        </Button>
      </PopoverTrigger>
      <PopoverContent className="w-96" aria-label={t("heading")}>
        <p className="border-line border-b px-4 py-2.5 font-semibold text-sm">{t("heading")}</p>
        {list.isError && rows.length === 0 ? (
          <ErrorState error={list.error} onRetry={() => void list.refetch()} />
        ) : list.isPending ? (
          <LoadingRows count={3} />
        ) : rows.length === 0 ? (
          <p className="px-4 py-8 text-center text-ink-soft text-sm">{t("empty")}</p>
        ) : (
          <ul className="max-h-96 overflow-y-auto py-1">
            {rows.map((row) => (
              <li key={row.id}>
                <Row row={row} isNew={news.has(row.id)} onFollow={() => setIsOpen(false)} />
              </li>
            ))}
          </ul>
        )}
      </PopoverContent>
    </Popover>
  );
}

type RowProps = { row: Notification; isNew: boolean; onFollow: () => void };

function Row({ row, isNew, onFollow }: RowProps) {
  const { tone, href, detail } = describeNotification(row);
  const { icon: Icon, className: colour } = ICONS[tone];
  const className = cn("flex gap-2.5 px-4 py-2", isNew && "bg-accent-soft/50");
  const words = (
    <>
      <Icon className={cn("mt-0.5 size-4 shrink-0", colour)} aria-hidden />
      <span className="min-w-0 flex-1 text-sm">
        <span className="line-clamp-2">
          <Words row={row} />
        </span>
        {detail && <span className="line-clamp-2 text-ink-soft text-xs">{detail}</span>}
        <TimeAgo at={row.created_at} className="text-ink-faint text-xs" />
      </span>
    </>
  );
  return href ? (
    <Link href={href} onClick={onFollow} className={cn(className, "hover:bg-hover")}>
      {words}
    </Link>
  ) : (
    <div className={className}>{words}</div>
  );
}

function Words({ row: { kind, subject, params } }: { row: Notification }) {
  const t = useTranslations("notifications");
  const { percent } = useQuantities();
  switch (kind) {
    case "job.completed":
      return t("completed", { label: subject.label });
    case "job.failed":
      return t("failed", { label: subject.label });
    case "lock.broken":
      return t("lockBroken", { name: String(params.by) });
    case "matching.automation_off":
      return t("automationOff", {
        count: Number(params.n),
        right: Number(params.n_right),
        target: percent(Number(params.target)),
      });
    default:
      return subject.label;
  }
}
