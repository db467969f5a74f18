import { describe, expect, it, vi } from "vitest";
import { ApiProblem } from "@/api/problem";
import type { PhotosTaken } from "@/api/types";
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
});
