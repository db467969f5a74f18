import { QueryClient } from "@tanstack/react-query";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { LiveCache, noteStatus } from "@/api/live-cache";
import type { Job, Video } from "@/api/types";

const JOB: Job = {
  id: "j1",
  type: "video_processing",
  status: "processing",
  progress: 10,
  current_step: "reading",
  remaining_s: 9,
  metrics: {},
  error_code: null,
  error_message: null,
  executor: "local",
  attempt: 1,
  max_attempts: 3,
  parent_job_id: null,
  subject: { kind: "video", id: "v1", label: "a.mp4" },
  created_by: "ayse",
  cancel_requested_at: null,
  created_at: "2026-01-01T10:00:00Z",
  started_at: null,
  completed_at: null,
};
const VIDEO = { id: "v1", status: "processing", job: JOB } as Video;
const JOBS = ["get", "/api/v1/jobs", {}];
const VIDEOS = ["get", "/api/v1/videos", {}];
const page = <T>(...items: T[]) => ({ items, total: items.length, page: 1, limit: 50 });

describe("noteStatus", () => {
  it("tells what is news, and forgets the jobs that have ended", () => {
    const statuses = new Map<string, Job["status"]>();
    expect(noteStatus(statuses, JOB)).toBe(true);
    expect(noteStatus(statuses, { ...JOB, progress: 55 })).toBe(false);
    for (const status of ["completed", "failed", "cancelled"] as const) {
      noteStatus(statuses, { ...JOB, id: status });
      expect(noteStatus(statuses, { ...JOB, id: status, status })).toBe(true);
    }
    expect([...statuses.keys()]).toEqual(["j1"]);
  });
});

describe("LiveCache", () => {
  let client: QueryClient;
  let cache: LiveCache;
  beforeEach(() => {
    vi.useFakeTimers();
    client = new QueryClient();
    cache = new LiveCache(client, 400);
    cache.apply({ kind: "job", data: JOB });
    vi.advanceTimersByTime(500);
    client.setQueryData(JOBS, page(JOB));
    client.setQueryData(VIDEOS, page(VIDEO));
  });
  afterEach(() => vi.useRealTimers());

  const isStale = (key: unknown[]) => client.getQueryState(key)?.isInvalidated;

  it("writes a job's progress into the lists of jobs and videos, and asks for nothing anew", async () => {
    cache.apply({ kind: "job", data: { ...JOB, progress: 55 } });
    await vi.advanceTimersByTimeAsync(500);
    expect(client.getQueryData<{ items: Job[] }>(JOBS)?.items[0]?.progress).toBe(55);
    expect(client.getQueryData<{ items: Video[] }>(VIDEOS)?.items[0]?.job?.progress).toBe(55);
    expect(isStale(JOBS)).toBe(false);
    expect(isStale(VIDEOS)).toBe(false);
  });

  it("asks for the lists anew once a job has ended", async () => {
    cache.apply({ kind: "job", data: { ...JOB, status: "completed", progress: 100 } });
    expect(isStale(VIDEOS)).toBe(false);
    await vi.advanceTimersByTimeAsync(500);
    expect(isStale(VIDEOS)).toBe(true);
    expect(isStale(JOBS)).toBe(true);
  });

  it("asks for the jobs anew when one appears that no list knows", async () => {
    cache.apply({
      kind: "job",
      data: { ...JOB, id: "j2", subject: { kind: "model", id: null, label: "base" } },
    });
    await vi.advanceTimersByTimeAsync(500);
    expect(isStale(JOBS)).toBe(true);
  });

  it("does not let an older job's event replace a video's newer job", () => {
    const older = { ...JOB, id: "j0", created_at: "2025-12-31T10:00:00Z", status: "failed" as const };
    cache.apply({ kind: "job", data: older });
    expect(client.getQueryData<{ items: Video[] }>(VIDEOS)?.items[0]?.job?.id).toBe("j1");
  });

  it("gathers a burst of events into one refetch", async () => {
    const invalidate = vi.spyOn(client, "invalidateQueries");
    for (let n = 0; n < 20; n++) cache.apply({ kind: "video", data: { id: `v${n}`, change: "updated" } });
    await vi.advanceTimersByTimeAsync(500);
    expect(invalidate).toHaveBeenCalledTimes(1);
  });

  it("takes a job's status for news after a resync: it may have ended and begun again meanwhile", async () => {
    cache.apply({ kind: "resync" });
    client.setQueryData(JOBS, page(JOB));
    cache.apply({ kind: "job", data: JOB });
    await vi.advanceTimersByTimeAsync(500);
    expect(isStale(JOBS)).toBe(true);
  });

  it("marks everything out of date on resync", () => {
    cache.apply({ kind: "resync" });
    expect(isStale(JOBS)).toBe(true);
    expect(isStale(VIDEOS)).toBe(true);
  });
});
