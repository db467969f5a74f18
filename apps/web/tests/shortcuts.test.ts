import { describe, expect, it } from "vitest";
import { readAction } from "@/features/matching/shortcuts";

const key = (name: string, held: Partial<KeyboardEvent> = {}) =>
  readAction({ key: name, ctrlKey: false, metaKey: false, altKey: false, ...held });

describe("readAction", () => {
  it("reads letters whatever their case", () => {
    expect(["a", "A", "r", "s", "u", "n"].map((one) => key(one))).toEqual([
      "approve",
      "approve",
      "reject",
      "skip",
      "undo",
      "next",
    ]);
  });

  it("takes every i of a Turkish keyboard", () => {
    expect(["i", "ı", "I", "İ"].map((one) => key(one))).toEqual(["invert", "invert", "invert", "invert"]);
  });

  it("leaves the browser's own shortcuts alone, but for undo", () => {
    expect(key("z", { ctrlKey: true })).toBe("undo");
    expect(key("z", { metaKey: true })).toBe("undo");
    expect(key("r", { ctrlKey: true })).toBeNull();
    expect(key("a", { ctrlKey: true })).toBeNull();
    expect(key("s", { altKey: true })).toBeNull();
  });
});
