// Fails when api/schema.d.ts is not what openapi.json generates.
import { readFile } from "node:fs/promises";
import openapiTS, { astToString, COMMENT_HEADER } from "openapi-typescript";

const at = (name) => new URL(`../${name}`, import.meta.url);
const fresh = COMMENT_HEADER + astToString(await openapiTS(at("openapi.json"), { silent: true }));
const committed = await readFile(at("api/schema.d.ts"), "utf8");
if (fresh.trim() !== committed.trim()) {
  process.stderr.write("api/schema.d.ts is stale: run `pnpm generate` and commit it.\n");
  process.exit(1);
}
