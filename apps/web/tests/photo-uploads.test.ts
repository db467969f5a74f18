import { describe, expect, it, vi } from "vitest";
import { ApiProblem } from "@/api/problem";
import type { PhotosTaken } from "@/api/types";
import { uploadPhotos } from "@/api/upload";
import { cutIntoBatches, PhotoUploadStore } from "@/features/photos/upload-store";

const file = (name: string, sizeBytes = 1) => {
  const made = new File(["x"], name, { type: "image/jpeg" });
  Object.defineProperty(made, "size", { value: sizeBytes });
  return made;
};
const taken = (files: File[], refused: string[] = []) =>
  ({
    n_new: files.length - refused.length,
    n_known: 0,
    n_refused: refused.length,
    photos: refused.map((name) => ({ name, status: "refused", reason: "no picture" })),
  }) as unknown as PhotosTaken;
const names = (files: File[]) => files.map((one) => one.name).join(" ");
const settled = () => new Promise((resolve) => setTimeout(resolve, 0));

describe("cutIntoBatches", () => {
  it("keeps every file once and in order, and requests of a bearable size", () => {
    const files = Array.from({ length: 40 }, (_, index) =>
      file(`${index}.jpg`, index === 20 ? 900_000_000 : 2_000_000),
    );
    const batches = cutIntoBatches(files);
    expect(batches.flat()).toEqual(files);
    expect(Math.max(...batches.map((batch) => batch.length))).toBeLessThanOrEqual(16);
    expect(batches.find((batch) => batch.includes(files[20] as File))).toHaveLength(1);
  });
});

describe("PhotoUploadStore", () => {
  it("begins one import, adds up what became of the files, and lists the refused", async () => {
    const begin = vi.fn(async () => "i1");
    const store = new PhotoUploadStore(begin, async (files) => taken(files, ["b.txt"]));
    store.add([file("a.jpg"), file("b.txt")]);
    store.add([file("c.jpg")]);
    await settled();
    expect(begin).toHaveBeenCalledTimes(1);
    const upload = store.getSnapshot();
    expect(upload).toMatchObject({ phase: "done", fileCount: 3, sentCount: 3, import_id: "i1" });
    expect(upload?.refused[0]).toEqual({ name: "b.txt", reason: "no picture" });
  });

  it("sends only the rest after a failure", async () => {
    const sent: string[] = [];
    let isDown = true;
    const store = new PhotoUploadStore(
      async () => "i1",
      async (files) => {
        if (isDown && sent.length > 0) throw new ApiProblem(0, "UNREACHABLE", "");
        sent.push(names(files));
        return taken(files);
      },
    );
    store.add(Array.from({ length: 17 }, (_, index) => file(`${index}.jpg`)));
    await settled();
    expect(store.getSnapshot()).toMatchObject({ phase: "failed", sentCount: 16 });
    isDown = false;
    store.retry();
    await settled();
    expect(sent.at(-1)).toBe("16.jpg");
    expect(store.getSnapshot()).toMatchObject({ phase: "done", sentCount: 17, problem: null });
  });

  it.each(["failed", "stopped"])(
    "sends what is left of an upload that has %s before files that come later",
    async (phase) => {
      const begin = vi.fn(async () => "i1");
      const sent: string[] = [];
      let refusal: ApiProblem | null = null;
      const store = new PhotoUploadStore(begin, async (files) => {
        if (refusal) throw refusal;
        sent.push(names(files));
        refusal = new ApiProblem(0, phase === "failed" ? "UNREACHABLE" : "ABORTED", "");
        return taken(files);
      });
      store.add(Array.from({ length: 17 }, (_, index) => file(`${index}.jpg`)));
      await settled();
      expect(store.getSnapshot()).toMatchObject({ phase, sentCount: 16 });
      refusal = null;
      store.add([file("late.jpg")]);
      expect(store.getSnapshot()).toMatchObject({ phase: "sending", problem: null });
      await settled();
      expect(sent.at(-1)).toBe("16.jpg late.jpg");
      expect(store.getSnapshot()).toMatchObject({ phase: "done", fileCount: 18, sentCount: 18 });
      expect(begin).toHaveBeenCalledTimes(1);
    },
  );

  it("begins a new import once the last one is done", async () => {
    const begin = vi.fn(async () => "i1");
    const store = new PhotoUploadStore(begin, async (files) => taken(files));
    store.add([file("a.jpg")]);
    await settled();
    store.add([file("b.jpg")]);
    await settled();
    expect(begin).toHaveBeenCalledTimes(2);
    expect(store.getSnapshot()).toMatchObject({ phase: "done", fileCount: 1, sentCount: 1 });
  });

  it("can be stopped, and a new upload begins from nothing", async () => {
    const store = new PhotoUploadStore(
      async () => "i1",
      (_files, _id, _onProgress, signal) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener("abort", () => reject(new ApiProblem(0, "ABORTED", "")));
        }),
    );
    store.add([file("a.jpg")]);
    await settled();
    store.stop();
    await settled();
    expect(store.getSnapshot()?.phase).toBe("stopped");
    store.clear();
    expect(store.getSnapshot()).toBeNull();
  });

  it("sends nothing when it is stopped while its import begins, and all of it when it goes on", async () => {
    const requests: FakeRequest[] = [];
    class FakeRequest {
      status = 200;
      responseText = JSON.stringify(taken([]));
      upload = {};
      onload = () => undefined;
      open = vi.fn();
      abort = vi.fn();
      send() {
        requests.push(this);
        this.onload();
      }
    }
    vi.stubGlobal("XMLHttpRequest", FakeRequest);
    const store = new PhotoUploadStore(async () => "i1", uploadPhotos);
    store.add([file("a.jpg"), file("b.jpg")]);
    store.stop();
    await settled();
    expect(requests).toHaveLength(0);
    expect(store.getSnapshot()).toMatchObject({ phase: "stopped", sentCount: 0 });
    store.retry();
    await settled();
    expect(requests).toHaveLength(1);
    expect(store.getSnapshot()).toMatchObject({ phase: "done", sentCount: 2 });
    vi.unstubAllGlobals();
  });
});
