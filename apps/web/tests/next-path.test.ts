import { describe, expect, it } from "vitest";
import { buildLoginPath, readNextPath } from "@/routing/next-path";

const ORIGIN = "https://platform.example";

describe("readNextPath", () => {
  it.each([
    ["/products?status=ready&page=2", "/products?status=ready&page=2"],
    ["/products/8a#frames", "/products/8a#frames"],
    ["/../videos", "/videos"],
  ])("keeps a path of our own: %s", (next, path) => {
    expect(readNextPath(next, ORIGIN)).toBe(path);
  });

  it.each([
    null,
    "",
    "products",
    "https://evil.example/",
    "//evil.example/",
    "/\\evil.example/",
    "/\t/evil.example/",
    "/.//evil.example",
    "javascript:alert(1)",
    "/login?next=/login",
    "/%",
  ])("never leads away or round in a circle: %s", (next) => {
    const path = readNextPath(next, ORIGIN);
    expect(new URL(path, ORIGIN).origin).toBe(ORIGIN);
    expect(["/", "/%"]).toContain(path);
  });
});

it("brings the page first asked for along to the login page and back", () => {
  const login = buildLoginPath("/products?search=a b&status=ready");
  expect(readNextPath(new URL(login, ORIGIN).searchParams.get("next"), ORIGIN)).toBe(
    "/products?search=a%20b&status=ready",
  );
  expect(buildLoginPath("/")).toBe("/login");
});
