import { describe, expect, it } from "vitest";
import type { Notification } from "@/api/types";
import { describeNotification } from "@/features/notifications/presentation";

const told = (kind: string, subject: Partial<Notification["subject"]> = {}, params = {}): Notification => ({
  id: "n1",
  kind,
  params,
  subject: { kind: "job", id: "s1", label: "a.mp4", ...subject },
  created_at: "2026-01-01T10:00:00Z",
  read_at: null,
});

describe("describeNotification", () => {
  it("leads to a job that has failed, with the reason", () => {
    const failed = told("job.failed", {}, { job_type: "video_processing", error: "no barcode" });
    expect(describeNotification(failed)).toEqual({ tone: "bad", href: "/jobs?job=s1", detail: "no barcode" });
  });

  it("leads to a job that is done, which has no reason to give", () => {
    const done = told("job.completed", {}, { job_type: "video_processing", error: null });
    expect(describeNotification(done)).toEqual({ tone: "good", href: "/jobs?job=s1", detail: null });
  });

  it("shows no empty reason", () => {
    expect(describeNotification(told("job.failed", {}, { error: "" })).detail).toBeNull();
  });

  it.each([
    ["matching", "s1", "/matching?product=s1"],
    ["product", "s1", "/products/s1"],
    ["dataset", "s1", null],
    ["matching", null, null],
  ])("leads to what a broken lock was on: %s %s", (kind, id, href) => {
    expect(describeNotification(told("lock.broken", { kind, id }))).toEqual({
      tone: "bad",
      href,
      detail: null,
    });
  });

  it("leads to matching, not to a product, when automatic approval is off", () => {
    const off = told("matching.automation_off", { kind: "matching", id: "settings" }, { n: 50, n_right: 40 });
    expect(describeNotification(off)).toMatchObject({ tone: "bad", href: "/matching" });
  });

  it("leads nowhere for what it does not know, or what has no subject left", () => {
    expect(describeNotification(told("disk.full"))).toEqual({ tone: "plain", href: null, detail: null });
    expect(describeNotification(told("job.completed", { id: null })).href).toBeNull();
  });
});
