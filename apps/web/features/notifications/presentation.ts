import type { Notification } from "@/api/types";

/** What a notification is shown with besides its words, which `kind` picks. */
export type Presentation = {
  tone: "good" | "bad" | "plain";
  /** Where it leads; null when there is nothing to look at. */
  href: string | null;
  /** A reason that came with it, in the server's words. */
  detail: string | null;
};

const textOf = (value: unknown) => (typeof value === "string" && value !== "" ? value : null);

export function describeNotification({ kind, subject, params }: Notification): Presentation {
  switch (kind) {
    case "job.completed":
    case "job.failed":
      return {
        tone: kind === "job.failed" ? "bad" : "good",
        href: subject.id && `/jobs?job=${subject.id}`,
        detail: textOf(params.error),
      };
    case "lock.broken":
      return { tone: "bad", href: lockedPath(subject), detail: null };
    case "matching.automation_off":
      return { tone: "bad", href: "/matching", detail: null };
    default:
      return { tone: "plain", href: null, detail: null };
  }
}

function lockedPath(subject: Notification["subject"]): string | null {
  if (subject.id === null) return null;
  if (subject.kind === "matching") return `/matching?product=${subject.id}`;
  return subject.kind === "product" ? `/products/${subject.id}` : null;
}
