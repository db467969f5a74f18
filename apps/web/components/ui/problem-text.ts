import { useTranslations } from "use-intl";
import { toProblem } from "@/api/problem";

const KNOWN = [
  "UNREACHABLE",
  "NOT_FOUND",
  "NOT_ALLOWED",
  "CONFLICT",
  "QUEUE_FULL",
  "UNAVAILABLE",
  "PAYLOAD_TOO_LARGE",
  "UNREADABLE_MEDIA",
] as const;

/** A sentence for a refusal: the page's own words for the codes it knows, else what the API said. */
export function useProblemText() {
  const t = useTranslations("problems");
  return (error: unknown): string => {
    const problem = toProblem(error);
    const code = KNOWN.find((one) => one === problem.code);
    if (code === "QUEUE_FULL") {
      return t(code, {
        count: Number(problem.fields.current_count),
        limit: Number(problem.fields.max_concurrent),
      });
    }
    if (code) return t(code);
    return problem.detail || t("OTHER", { status: problem.status });
  };
}
