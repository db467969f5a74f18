import { useSyncExternalStore } from "react";
import { fetchClient } from "@/api/client";
import { type ApiProblem, toProblem } from "@/api/problem";
import type { PhotosTaken } from "@/api/types";
import { uploadPhotos } from "@/api/upload";

export type PhotoUpload = {
  phase: "sending" | "done" | "failed" | "stopped";
  import_id: string | null;
  fileCount: number;
  sentCount: number;
  /** Share of all bytes that were sent, in [0, 1]. */
  fraction: number;
  newCount: number;
  knownCount: number;
  refusedCount: number;
  /** Files that were not accepted, in the API's words; the first ones where there are many. */
  refused: { name: string; reason: string }[];
  problem: ApiProblem | null;
};

type Begin = (label: string) => Promise<string>;
type Send = (
  files: File[],
  importId: string,
  onProgress: (fraction: number) => void,
  signal: AbortSignal,
) => Promise<PhotosTaken>;

const MOST_FILES = 16;
const MOST_BYTES = 48_000_000;
const MOST_REFUSED = 500;

/** Cut files into requests of a bearable size; a large one goes alone. */
export function cutIntoBatches(files: File[]): File[][] {
  const batches: File[][] = [];
  let sizeBytes = 0;
  for (const file of files) {
    const last = batches.at(-1);
    if (last && last.length < MOST_FILES && sizeBytes + file.size <= MOST_BYTES) {
      last.push(file);
      sizeBytes += file.size;
    } else {
      batches.push([file]);
      sizeBytes = file.size;
    }
  }
  return batches;
}

const sum = (files: File[]) => files.reduce((bytes, file) => bytes + file.size, 0);

/** The upload of photos of this tab; it lives outside the pages, so that leaving /photos does not end it. */
export class PhotoUploadStore {
  private upload: PhotoUpload | null = null;
  private waiting: File[] = [];
  private sentBytes = 0;
  private totalBytes = 0;
  private isRunning = false;
  private abort = new AbortController();
  private listeners = new Set<() => void>();

  constructor(
    private readonly begin: Begin,
    private readonly send: Send,
  ) {}

  getSnapshot = () => this.upload;

  subscribe = (listener: () => void) => {
    this.listeners.add(listener);
    return () => {
      this.listeners.delete(listener);
    };
  };

  /** Files that are added before all others have arrived join their import: what failed is sent with them. */
  add(files: File[]) {
    if (files.length === 0) return;
    if (this.upload?.phase === "done") this.clear();
    this.waiting.push(...files);
    this.totalBytes += sum(files);
    this.set({
      ...(this.upload ?? START),
      phase: "sending",
      problem: null,
      fileCount: (this.upload?.fileCount ?? 0) + files.length,
    });
    void this.run();
  }

  stop() {
    this.abort.abort();
  }

  /** Send what has not arrived. */
  retry() {
    if (!this.upload || this.waiting.length === 0) return;
    this.change({ phase: "sending", problem: null });
    void this.run();
  }

  clear() {
    if (this.upload?.phase === "sending") return;
    this.waiting = [];
    this.sentBytes = 0;
    this.totalBytes = 0;
    this.set(null);
  }

  private async run() {
    if (this.isRunning) return;
    this.isRunning = true;
    this.abort = new AbortController();
    try {
      const importId = this.upload?.import_id ?? (await this.begin(this.waiting[0]?.name ?? "photos"));
      this.change({ import_id: importId });
      while (this.waiting.length > 0) await this.sendNext(importId);
      this.change({ phase: "done", fraction: 1 });
    } catch (error) {
      const problem = toProblem(error);
      this.change(problem.code === "ABORTED" ? { phase: "stopped" } : { phase: "failed", problem });
    } finally {
      this.isRunning = false;
    }
  }

  private async sendNext(importId: string) {
    const batch = cutIntoBatches(this.waiting)[0] ?? [];
    const sizeBytes = sum(batch);
    const answer = await this.send(
      batch,
      importId,
      (fraction) =>
        this.change({ fraction: (this.sentBytes + fraction * sizeBytes) / Math.max(1, this.totalBytes) }),
      this.abort.signal,
    );
    this.waiting.splice(0, batch.length);
    this.sentBytes += sizeBytes;
    const before = this.upload ?? START;
    const refused = answer.photos.flatMap(({ name, status, reason }) =>
      status === "refused" ? [{ name, reason: reason ?? "" }] : [],
    );
    this.change({
      sentCount: before.sentCount + batch.length,
      newCount: before.newCount + answer.n_new,
      knownCount: before.knownCount + answer.n_known,
      refusedCount: before.refusedCount + answer.n_refused,
      refused: [...before.refused, ...refused].slice(0, MOST_REFUSED),
    });
  }

  private change(change: Partial<PhotoUpload>) {
    this.set({ ...(this.upload ?? START), ...change });
  }

  private set(upload: PhotoUpload | null) {
    this.upload = upload;
    for (const listener of this.listeners) listener();
  }
}

const START: PhotoUpload = {
  phase: "sending",
  import_id: null,
  fileCount: 0,
  sentCount: 0,
  fraction: 0,
  newCount: 0,
  knownCount: 0,
  refusedCount: 0,
  refused: [],
  problem: null,
};

async function beginImport(label: string): Promise<string> {
  const { data } = await fetchClient.POST("/api/v1/real-images/imports", {
    body: { label: label.slice(0, 200), source: "upload" },
  });
  return (data as { id: string }).id;
}

export const photoUploads = new PhotoUploadStore(beginImport, uploadPhotos);

export const usePhotoUpload = () =>
  useSyncExternalStore(photoUploads.subscribe, photoUploads.getSnapshot, () => null);
