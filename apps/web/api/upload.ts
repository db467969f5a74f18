import { ApiProblem, buildProblem } from "./problem";
import { reportSessionLost } from "./session-lost";
import type { UploadAnswer } from "./types";

/**
 * Upload one video. XMLHttpRequest, because fetch does not tell how much has been sent.
 *
 * @param onProgress called with the sent share in [0, 1]
 */
export function uploadVideo(
  file: File,
  onProgress: (fraction: number) => void,
  signal: AbortSignal,
): Promise<UploadAnswer> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const body = new FormData();
    body.append("files", file, file.name);
    request.upload.onprogress = (event) => {
      if (event.lengthComputable) onProgress(event.loaded / event.total);
    };
    request.onerror = () => reject(new ApiProblem(0, "UNREACHABLE", ""));
    request.onabort = () => reject(new ApiProblem(0, "ABORTED", ""));
    request.onload = () => {
      if (request.status === 401) reportSessionLost();
      if (request.status >= 200 && request.status < 300) resolve(JSON.parse(request.responseText));
      else reject(buildProblem(request.status, request.responseText));
    };
    signal.addEventListener("abort", () => request.abort(), { once: true });
    request.open("POST", "/api/v1/videos/upload");
    request.send(body);
  });
}
