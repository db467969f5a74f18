import { fetchClient } from "./client";
import type { SearchAnswer } from "./types";

/** Find the products that a photo shows. */
export async function searchByPhoto(photo: File, k: number): Promise<SearchAnswer> {
  const body = new FormData();
  body.append("photo", photo, photo.name || "photo");
  const { data } = await fetchClient.POST("/api/v1/search", {
    params: { query: { k } },
    // The generated type describes the parts as strings; the form itself is what is sent.
    body: body as never,
    bodySerializer: (form) => form as unknown as FormData,
  });
  return data as SearchAnswer;
}
