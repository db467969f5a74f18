import { describe, expect, it } from "vitest";
import { buildProblem } from "@/api/problem";
import { subjectPath } from "@/features/dashboard/activity-list";
import { flattenMetrics } from "@/features/jobs/job-metrics";
import { readStep } from "@/features/jobs/use-step-name";
import { SORTS, toSort, toSortingState } from "@/features/products/product-table";
import { toBoxStyle } from "@/features/search/box-style";
import { readPreferences } from "@/preferences/store";

describe("buildProblem", () => {
  it("reads a problem document with its own fields", () => {
    const problem = buildProblem(429, '{"code":"LOGIN_THROTTLED","detail":"wait","retry_after_s":7}');
    expect([problem.code, problem.detail, problem.fields.retry_after_s]).toEqual([
      "LOGIN_THROTTLED",
      "wait",
      7,
    ]);
  });
  it("makes one sentence of a list of validation errors", () => {
    expect(buildProblem(422, '{"detail":[{"msg":"too short"},{"msg":"no digit"}]}').detail).toBe(
      "too short; no digit",
    );
  });
  it("survives an answer that is no JSON", () => {
    expect(buildProblem(502, "<html>").code).toBe("HTTP_502");
  });
});

describe("readPreferences", () => {
  it.each(["null", "[]", "{", '"tr"', '{"language":"de","theme":5}'])(
    "falls back on rubbish: %s",
    (stored) => {
      expect(readPreferences(stored, "tr-TR")).toMatchObject({ language: "tr", theme: "system" });
    },
  );
  it("keeps what was chosen over what the browser asks for", () => {
    expect(readPreferences('{"language":"tr","theme":"dark"}', "en-US")).toMatchObject({
      language: "tr",
      theme: "dark",
    });
  });
});

describe("sorting of products", () => {
  it.each(SORTS)("%s goes to the table and back", (sort) => {
    expect(toSort(toSortingState(sort))).toBe(sort);
  });
  it("offers the direction that the API has", () => {
    expect(toSort([{ id: "frame_count", desc: false }])).toBe("-frame_count");
  });
});

it("places a box over a photo shown at any size", () => {
  expect(toBoxStyle([50, 20, 150, 220], { width_px: 200, height_px: 400 })).toEqual({
    left: "25.000%",
    top: "5.000%",
    width: "50.000%",
    height: "50.000%",
  });
});

it("flattens one level of a job's figures", () => {
  expect(flattenMetrics({ frames: 12, rejected: { blurred: 3 }, ids: [1] })).toEqual([
    ["frames", "12"],
    ["rejected.blurred", "3"],
  ]);
});

it("links an activity to the page that shows its subject", () => {
  expect(subjectPath({ kind: "product", id: "p", label: "x" })).toBe("/products/p");
  expect(subjectPath({ kind: "video", id: "v", label: "a b.mp4" })).toBe("/videos?search=a%20b.mp4");
  expect(subjectPath({ kind: "user", id: "u", label: "ayse" })).toBeNull();
});

it("separates a step from its count", () => {
  expect(readStep("cutting out 3/40")).toEqual({ key: "cutting_out", count: "3/40" });
  expect(readStep("reading labels on 12 views")).toEqual({ key: "reading_labels_on_views", count: "" });
});
