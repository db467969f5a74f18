import { useSyncExternalStore } from "react";
import { fetchClient } from "@/api/client";
import { type ApiProblem, toProblem } from "@/api/problem";
import type { UploadAnswer } from "@/api/types";
import { uploadVideo } from "@/api/upload";

export type Upload = {
  id: number;
  filename: string;
  sizeBytes: number;
  /** Share of the bytes that were sent, in [0, 1]. */
  fraction: number;
  state: "waiting" | "sending" | "stored" | "processing" | "refused" | "failed" | "stopped";
  /** Why the file was refused, in the API's words. */
  reason?: string;
  problem?: ApiProblem;
};

type Send = (
  file: File,
  onProgress: (fraction: number) => void,
  signal: AbortSignal,
) => Promise<UploadAnswer>;
type Process = (videoIds: string[]) => Promise<unknown>;

/**
 * The uploads of this tab. They live outside the pages, so that leaving /videos does not end them. Two files travel at
 * a time, and each is handed to processing as soon as it has arrived.
 */
export class UploadStore {
  private uploads: Upload[] = [];
  private files = new Map<number, { file: File; isProcessed: boolean; abort: AbortController }>();
  private listeners = new Set<() => void>();
  private lastId = 0;
  private activeCount = 0;

  constructor(
    private readonly send: Send,
    private readonly process: Process,
    private readonly maxActive = 2,
  ) {}

  getSnapshot = () => this.uploads;

  subscribe = (listener: () => void) => {
    this.listeners.add(listener);
    return () => {
      this.listeners.delete(listener);
    };
  };

  add(files: File[], isProcessed: boolean) {
    const added = files.map((file): Upload => {
      this.lastId += 1;
      this.files.set(this.lastId, { file, isProcessed, abort: new AbortController() });
      return { id: this.lastId, filename: file.name, sizeBytes: file.size, fraction: 0, state: "waiting" };
    });
    this.set([...this.uploads, ...added]);
    this.pump();
  }

  stop(id: number) {
    this.files.get(id)?.abort.abort();
    if (this.uploads.find((one) => one.id === id)?.state === "waiting") this.change(id, { state: "stopped" });
  }

  retry(id: number) {
    const entry = this.files.get(id);
    if (!entry) return;
    entry.abort = new AbortController();
    this.change(id, { state: "waiting", fraction: 0, reason: undefined, problem: undefined });
    this.pump();
  }

  clearEnded() {
    this.set(this.uploads.filter((one) => one.state === "waiting" || one.state === "sending"));
  }

  private pump() {
    while (this.activeCount < this.maxActive) {
      const next = this.uploads.find((one) => one.state === "waiting");
      if (!next) return;
      this.activeCount += 1;
      this.change(next.id, { state: "sending" });
      void this.run(next.id).finally(() => {
        this.activeCount -= 1;
        this.pump();
      });
    }
  }

  private async run(id: number) {
    const entry = this.files.get(id);
    if (!entry) return;
    let answer: UploadAnswer;
    try {
      answer = await this.send(entry.file, (fraction) => this.change(id, { fraction }), entry.abort.signal);
    } catch (error) {
      const problem = toProblem(error);
      this.change(id, problem.code === "ABORTED" ? { state: "stopped" } : { state: "failed", problem });
      return;
    }
    const refused = answer.rejected[0];
    if (refused) {
      this.change(id, { state: "refused", reason: refused.reason });
      return;
    }
    this.change(id, { state: "stored", fraction: 1 });
    if (!entry.isProcessed) return;
    try {
      await this.process(
        answer.videos.filter((video) => video.status === "pending").map((video) => video.id),
      );
      this.change(id, { state: "processing" });
    } catch (error) {
      this.change(id, { problem: toProblem(error) });
    }
  }

  private change(id: number, change: Partial<Upload>) {
    this.set(this.uploads.map((one) => (one.id === id ? { ...one, ...change } : one)));
  }

  private set(uploads: Upload[]) {
    this.uploads = uploads;
    for (const listener of this.listeners) listener();
  }
}

export const uploadStore = new UploadStore(uploadVideo, async (video_ids) => {
  if (video_ids.length > 0) await fetchClient.POST("/api/v1/videos/process", { body: { video_ids } });
});

const NONE: Upload[] = [];
export const useUploads = () =>
  useSyncExternalStore(uploadStore.subscribe, uploadStore.getSnapshot, () => NONE);
