import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import en from "@/messages/en.json";
import tr from "@/messages/tr.json";

const ROOT = join(import.meta.dirname, "..");
/** Looked up by words that come from the API, with `t.has` in front. */
const OPEN_NAMESPACES = ["steps", "activity", "problems", "issues"];

function listKeys(messages: object, prefix = ""): string[] {
  return Object.entries(messages).flatMap(([name, value]) =>
    typeof value === "string" ? [prefix + name] : listKeys(value, `${prefix}${name}.`),
  );
}

function readMessage(messages: object, key: string): string {
  return key
    .split(".")
    .reduce<unknown>((at, part) => (at as Record<string, unknown>)[part], messages) as string;
}

function listSources(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => /\.tsx?$/.test(name))
    .map((name) => readFileSync(join(ROOT, folder, name), "utf8"));
}

/** Regular expressions for every key that a source file asks for; a `${…}` in a key stands for any one word. */
function findUsedPatterns(source: string): RegExp[] {
  const namespaces = new Map<string, Set<string>>();
  for (const [, name = "", namespace = ""] of source.matchAll(
    /const (\w+) = useTranslations\("([^"]+)"\)/g,
  )) {
    namespaces.set(name, (namespaces.get(name) ?? new Set()).add(namespace));
  }
  return [...namespaces].flatMap(([name, spaces]) => {
    const calls = [...source.matchAll(new RegExp(`\\b${name}(?:\\.rich)?\\(\\s*(.{1,120}?)[,)\\n]`, "g"))];
    const literals = calls.flatMap(([, call = ""]) =>
      [...call.matchAll(/["`]([^"`]+)["`]/g)].map(([, key = ""]) => key),
    );
    const dynamic = calls.some(([, call = ""]) => /^\w+$/.test(call)) ? [`\${any}`] : [];
    return [...literals, ...dynamic].flatMap((key) =>
      [...spaces].map(
        (space) =>
          new RegExp(
            `^${`${space}.${key}`
              .split(/\$\{[^}]*\}/)
              .map(escapeForRegExp)
              .join("\\w+")}$`,
          ),
      ),
    );
  });
}

const escapeForRegExp = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
const listArguments = (message: string) =>
  [
    ...new Set(
      [...message.matchAll(/(?<!(?:=\d|one|other) )\{(\w+)(?=\}|, (?:number|plural|select))/g)].map(
        ([, name]) => name,
      ),
    ),
  ].sort();

describe("messages", () => {
  const keys = listKeys(en);

  it("exist in both languages under the same keys", () => {
    expect(listKeys(tr).sort()).toEqual(keys.toSorted());
  });

  it("take the same arguments in both languages", () => {
    const differing = keys.filter(
      (key) => `${listArguments(readMessage(tr, key))}` !== `${listArguments(readMessage(en, key))}`,
    );
    expect(differing).toEqual([]);
  });

  it("are all used by some page", () => {
    const patterns = ["app", "components", "features"].flatMap(listSources).flatMap(findUsedPatterns);
    const unused = keys.filter(
      (key) =>
        !OPEN_NAMESPACES.includes(key.split(".")[0] ?? "") && !patterns.some((pattern) => pattern.test(key)),
    );
    expect(unused).toEqual([]);
  });
});
