import type { QueryClient, QueryKey } from "@tanstack/react-query";
import type { LiveEvent } from "./events";
import { isRunning, type Job, type Video } from "./types";

type Items<T> = { items: T[] };

const pathOf = (key: QueryKey) => (typeof key[1] === "string" ? key[1] : "");

/** Replace what is known of a job inside a list; the same list comes back when the job is not in it. */
export function replaceJob<T extends Items<Job>>(list: T, job: Job): T {
  if (!list.items.some((one) => one.id === job.id)) return list;
  return { ...list, items: list.items.map((one) => (one.id === job.id ? job : one)) };
}

export function attachJob(video: Video, job: Job): Video {
  if (job.subject.kind !== "video" || job.subject.id !== video.id) return video;
  if (video.job && video.job.id !== job.id && video.job.created_at > job.created_at) return video;
  return { ...video, job };
}

function attachJobInside(data: unknown, job: Job): unknown {
  const list = data as Items<Video> | undefined;
  if (!list?.items.some((video) => attachJob(video, job) !== video)) return data;
  return { ...list, items: list.items.map((video) => attachJob(video, job)) };
}

/**
 * Keep in mind where a job stands, for as long as it runs: a tab may stay open for months.
 *
 * @returns whether that is news; of a job that has ended, it is every time
 */
export function noteStatus(statuses: Map<string, Job["status"]>, job: Job): boolean {
  const isNews = statuses.get(job.id) !== job.status;
  if (isRunning(job)) statuses.set(job.id, job.status);
  else statuses.delete(job.id);
  return isNews;
}

/**
 * Bring live events into the query cache: a job's progress is written in place, everything else marks the lists that
 * show it as out of date. Refetches are gathered over a short while, so that a burst of events costs one request.
 */
export class LiveCache {
  private stale = new Set<string>();
  private statuses = new Map<string, Job["status"]>();
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly client: QueryClient,
    private readonly gatherMs = 400,
  ) {}

  apply(event: LiveEvent) {
    if (event.kind === "resync") {
      this.statuses.clear(); // some of them may have ended unheard
      void this.client.invalidateQueries();
    } else if (event.kind === "job") {
      this.applyJob(event.data);
    } else if (event.kind === "video") {
      this.markStale("/api/v1/videos", "/api/v1/dashboard");
    } else if (event.kind === "product") {
      this.markStale("/api/v1/products", "/api/v1/matching/queue", "/api/v1/dashboard");
    } else if (event.kind === "photo") {
      this.markStale("/api/v1/real-images");
    } else if (event.kind === "matching") {
      this.markStale("/api/v1/matching/queue", "/api/v1/matching/decisions", "/api/v1/real-images");
    } else if (event.kind === "notification") {
      this.markStale("/api/v1/notifications");
    } else if (event.kind === "activity") {
      this.markStale("/api/v1/dashboard");
    }
  }

  private applyJob(job: Job) {
    const isNews = noteStatus(this.statuses, job);
    const cache = this.client.getQueryCache();
    for (const query of cache.findAll({ predicate: (one) => one.state.data !== undefined })) {
      const path = pathOf(query.queryKey);
      const data = query.state.data;
      if (path === "/api/v1/jobs") {
        this.client.setQueryData(query.queryKey, replaceJob(data as Items<Job>, job));
      } else if (path === "/api/v1/jobs/{job_id}") {
        if ((data as Job).id === job.id) this.client.setQueryData(query.queryKey, job);
      } else if (path === "/api/v1/videos") {
        this.client.setQueryData(query.queryKey, attachJobInside(data, job));
      } else if (path === "/api/v1/dashboard") {
        const dashboard = data as { running_jobs: Job[] };
        const { items } = replaceJob({ items: dashboard.running_jobs }, job);
        this.client.setQueryData(query.queryKey, { ...dashboard, running_jobs: items });
      }
    }
    // Where a job stands decides which lists show it; progress within a status does not.
    if (isNews) this.markStale("/api/v1/jobs", "/api/v1/dashboard", "/api/v1/videos");
  }

  private markStale(...prefixes: string[]) {
    for (const prefix of prefixes) this.stale.add(prefix);
    this.timer ??= setTimeout(() => this.refetch(), this.gatherMs);
  }

  private refetch() {
    const prefixes = [...this.stale];
    this.stale.clear();
    this.timer = undefined;
    void this.client.invalidateQueries({
      predicate: ({ queryKey }) => prefixes.some((prefix) => pathOf(queryKey).startsWith(prefix)),
    });
  }
}
