import { fetchClient } from "./client";
import { TAB_ID } from "./tab";
import type { LockAnswer } from "./types";

const PATH = "/api/v1/locks/{resource_type}/{resource_id}";

const request = (resource_id: string) =>
  ({
    params: { path: { resource_type: "matching", resource_id }, header: { "Tab-Id": TAB_ID } },
  }) as const;

/** The lock under which decisions about a product's photos are made. */
export const matchingLock = {
  /** Take it, or make one's own last five minutes more; somebody else's is answered as it is. */
  async take(product_id: string): Promise<LockAnswer> {
    const { data } = await fetchClient.POST(PATH, request(product_id));
    return data as LockAnswer;
  },
  async look(product_id: string): Promise<LockAnswer> {
    const { data } = await fetchClient.GET(PATH, request(product_id));
    return data as LockAnswer;
  },
  async release(product_id: string): Promise<void> {
    await fetchClient.POST(`${PATH}/release`, { ...request(product_id), keepalive: true });
  },
  /** From a page that closes: nobody waits for the answer. */
  releaseByBeacon(product_id: string) {
    navigator.sendBeacon(`/api/v1/locks/matching/${product_id}/release?tab_id=${TAB_ID}`);
  },
};

export type MatchingLock = typeof matchingLock;
