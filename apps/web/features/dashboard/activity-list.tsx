import Link from "next/link";
import { useTranslations } from "use-intl";
import type { Activity } from "@/api/types";
import { TimeAgo } from "@/components/ui/quantities";

/** Where a person finds what an activity was about; things without a page of their own lead to their list. */
export function subjectPath(subject: Activity["subject"]): string | null {
  if (!subject.id) return null;
  if (subject.kind === "product") return `/products/${subject.id}`;
  if (subject.kind === "video") return `/videos?search=${encodeURIComponent(subject.label)}`;
  if (subject.kind === "job") return `/jobs?job=${subject.id}`;
  return null;
}

/** The name under which the platform itself acts. */
const PLATFORM = "platform";

export function ActivityList({ activities }: { activities: Activity[] }) {
  const t = useTranslations("activity");
  return (
    <ol>
      {activities.map((activity) => {
        const path = subjectPath(activity.subject);
        const key = activity.action.replace(/\./g, "_") as Parameters<typeof t.has>[0];
        return (
          <li
            key={activity.id}
            className="flex items-baseline gap-3 border-line border-b px-4 py-2 text-sm last:border-b-0"
          >
            <p className="min-w-0 flex-1 truncate">
              <span className="font-medium">
                {activity.actor === PLATFORM ? t("platform") : activity.actor}
              </span>{" "}
              <span className="text-ink-soft">{t.has(key) ? t(key) : activity.action}</span>{" "}
              {path ? (
                <Link href={path} className="rounded-sm hover:underline">
                  {activity.subject.label}
                </Link>
              ) : (
                activity.subject.label
              )}
            </p>
            <TimeAgo at={activity.at} className="shrink-0 text-ink-faint text-xs" />
          </li>
        );
      })}
    </ol>
  );
}
