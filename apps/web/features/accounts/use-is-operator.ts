import { $api } from "@/api/client";

/** Whether the person may change things; a viewer only looks. (The API decides; the pages just do not offer it.) */
export function useIsOperator(): boolean {
  const { data: user } = $api.useQuery("get", "/api/v1/auth/me", undefined, { staleTime: 60_000 });
  return user !== undefined && user.role !== "viewer";
}
