import { ApiProblem, buildProblem } from "./problem";
import { reportSessionLost } from "./session-lost";
import type { PhotosTaken, UploadAnswer } from "./types";

type OnProgress = (fraction: number) => void;

/**
 * Send a form with files. XMLHttpRequest, because fetch does not tell how much has been sent.
 *
 * @param onProgress called with the sent share in [0, 1]
 */
function sendForm<T>(path: string, form: FormData, onProgress: OnProgress, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    // A signal that was aborted before tells nobody any more.
    if (signal.aborted) {
      reject(new ApiProblem(0, "ABORTED", ""));
      return;
    }
    const request = new XMLHttpRequest();
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
    request.open("POST", path);
    request.send(form);
  });
}

export function uploadVideo(file: File, onProgress: OnProgress, signal: AbortSignal): Promise<UploadAnswer> {
  const form = new FormData();
  form.append("files", file, file.name);
  return sendForm("/api/v1/videos/upload", form, onProgress, signal);
}

/** Send photos and ZIP files of an import. */
export function uploadPhotos(
  files: File[],
  import_id: string,
  onProgress: OnProgress,
  signal: AbortSignal,
): Promise<PhotosTaken> {
  const form = new FormData();
  form.append("import_id", import_id);
  for (const file of files) form.append("files", file, file.webkitRelativePath || file.name);
  return sendForm("/api/v1/real-images", form, onProgress, signal);
}
