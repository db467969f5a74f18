import { describe, expect, it, vi } from "vitest";
import { ApiProblem } from "@/api/problem";
import type { UploadAnswer } from "@/api/types";
import { UploadStore } from "@/features/videos/upload-store";

const file = (name: string) => new File(["x"], name, { type: "video/mp4" });
const stored = (id: string) =>
  ({ videos: [{ id, status: "pending" }], rejected: [] }) as unknown as UploadAnswer;
const settled = () => new Promise((resolve) => setTimeout(resolve, 0));
const states = (store: UploadStore) => store.getSnapshot().map((one) => one.state);

describe("UploadStore", () => {
  it("sends two files at a time and processes each as it arrives", async () => {
    const ends: ((answer: UploadAnswer) => void)[] = [];
    const process = vi.fn(async () => undefined);
    const store = new UploadStore(() => new Promise((resolve) => ends.push(resolve)), process);
    store.add([file("a.mp4"), file("b.mp4"), file("c.mp4")], true);
    expect(states(store)).toEqual(["sending", "sending", "waiting"]);
    ends[0]?.(stored("v1"));
    await settled();
    expect(process).toHaveBeenCalledWith(["v1"]);
    expect(states(store)).toEqual(["processing", "sending", "sending"]);
  });

  it("keeps a stored video and says so when the queue is full", async () => {
    const full = new ApiProblem(429, "QUEUE_FULL", "full");
    const store = new UploadStore(
      async () => stored("v1"),
      async () => {
        throw full;
      },
    );
    store.add([file("a.mp4")], true);
    await settled();
    expect(store.getSnapshot()[0]).toMatchObject({ state: "stored", problem: full });
  });

  it("does not process when that was not asked for", async () => {
    const process = vi.fn(async () => undefined);
    const store = new UploadStore(async () => stored("v1"), process);
    store.add([file("a.mp4")], false);
    await settled();
    expect(states(store)).toEqual(["stored"]);
    expect(process).not.toHaveBeenCalled();
  });

  it("shows why a file was refused, and goes on with the next", async () => {
    const store = new UploadStore(
      async (one) =>
        one.name === "a.txt"
          ? { videos: [], rejected: [{ filename: one.name, reason: "no video" }] }
          : stored("v2"),
      async () => undefined,
      1,
    );
    store.add([file("a.txt"), file("b.mp4")], true);
    await settled();
    expect(store.getSnapshot()[0]).toMatchObject({ state: "refused", reason: "no video" });
    expect(states(store)[1]).toBe("processing");
  });

  it("can be stopped and tried again", async () => {
    const store = new UploadStore(
      (_file, _onProgress, signal) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener("abort", () => reject(new ApiProblem(0, "ABORTED", "")));
        }),
      async () => undefined,
    );
    store.add([file("a.mp4")], true);
    const id = store.getSnapshot()[0]?.id ?? 0;
    store.stop(id);
    await settled();
    expect(states(store)).toEqual(["stopped"]);
    store.retry(id);
    expect(states(store)).toEqual(["sending"]);
  });
});
