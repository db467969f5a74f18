import type { Product, ProductEdit } from "@/api/types";

export const TEXT_FIELDS = [
  "brand_name",
  "sub_brand",
  "product_name",
  "variant_flavor",
  "category",
  "container_type",
  "net_quantity",
  "manufacturer_country",
  "grounding_prompt",
  "marketing_description",
] as const;
export const NUTRIENTS = [
  "serving_size",
  "calories",
  "total_fat",
  "protein",
  "carbohydrates",
  "sugar",
] as const;

type TextField = (typeof TEXT_FIELDS)[number];
type Nutrient = (typeof NUTRIENTS)[number];
/** What the form holds: every field as text, claims one a line. */
export type Draft = Record<TextField | Nutrient | "claims", string>;
export type DraftField = keyof Draft;

export const DRAFT_FIELDS: DraftField[] = [...TEXT_FIELDS, "claims", ...NUTRIENTS];

export function toDraft(product: Product): Draft {
  const draft = { claims: product.claims.join("\n") } as Draft;
  for (const name of TEXT_FIELDS) draft[name] = product[name] ?? "";
  for (const name of NUTRIENTS) draft[name] = product.nutrition_facts[name] ?? "";
  return draft;
}

const textOrNull = (text: string) => text.trim() || null;

/** The fields that differ from what was read, as the API takes them; null when nothing changed. */
export function buildEdit(before: Draft, draft: Draft, version: number): ProductEdit | null {
  const edit: Record<string, unknown> = {};
  const changed = (name: DraftField) => draft[name].trim() !== before[name].trim();
  for (const name of TEXT_FIELDS) if (changed(name)) edit[name] = textOrNull(draft[name]);
  if (changed("claims")) {
    edit.claims = draft.claims
      .split("\n")
      .map((line) => line.trim())
      .filter(Boolean);
  }
  if (NUTRIENTS.some(changed)) {
    edit.nutrition_facts = Object.fromEntries(NUTRIENTS.map((name) => [name, textOrNull(draft[name])]));
  }
  return Object.keys(edit).length === 0 ? null : ({ ...edit, version } as ProductEdit);
}

/** Merge after somebody else saved: my changed fields stay, every other one becomes theirs. */
export function mergeDraft(
  before: Draft,
  mine: Draft,
  theirs: Draft,
): { draft: Draft; conflicts: DraftField[] } {
  const draft = { ...theirs };
  const conflicts: DraftField[] = [];
  for (const name of DRAFT_FIELDS) {
    if (mine[name] === before[name]) continue;
    draft[name] = mine[name];
    if (theirs[name] !== before[name] && theirs[name] !== mine[name]) conflicts.push(name);
  }
  return { draft, conflicts };
}
