/** What the API answers when it refuses: an RFC 9457 problem document. Status 0 means that no answer came. */
export class ApiProblem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly detail: string,
    readonly fields: Record<string, unknown> = {},
  ) {
    super(detail);
    this.name = "ApiProblem";
  }

  get isRetryable() {
    return this.status === 0 || this.status === 503;
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** FastAPI's own validation errors have a list as detail; it is flattened into one sentence. */
function readDetail(body: Record<string, unknown>): string {
  if (typeof body.detail === "string") return body.detail;
  if (Array.isArray(body.detail)) {
    return body.detail.map((one) => (isRecord(one) ? String(one.msg) : String(one))).join("; ");
  }
  return typeof body.title === "string" ? body.title : "";
}

export function buildProblem(status: number, text: string): ApiProblem {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    body = null;
  }
  if (!isRecord(body)) return new ApiProblem(status, `HTTP_${status}`, "");
  const code = typeof body.code === "string" ? body.code : `HTTP_${status}`;
  return new ApiProblem(status, code, readDetail(body), body);
}

export const toProblem = (error: unknown): ApiProblem =>
  error instanceof ApiProblem ? error : new ApiProblem(0, "UNREACHABLE", "");
