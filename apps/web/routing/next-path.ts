/**
 * Where to go after signing in. Only a path of our own: anything that a browser would read as another site (`//host`,
 * `/\host`, `javascript:`) becomes the dashboard.
 */
export function readNextPath(next: string | null, origin: string): string {
  if (!next?.startsWith("/")) return "/";
  let url: URL;
  try {
    url = new URL(next, origin);
  } catch {
    return "/";
  }
  if (url.origin !== origin || url.pathname.startsWith("//") || url.pathname === "/login") return "/";
  return url.pathname + url.search + url.hash;
}

export const buildLoginPath = (from: string) =>
  from === "/" ? "/login" : `/login?next=${encodeURIComponent(from)}`;
