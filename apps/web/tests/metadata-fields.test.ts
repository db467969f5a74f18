import { describe, expect, it } from "vitest";
import type { Product } from "@/api/types";
import { buildEdit, mergeDraft, toDraft } from "@/features/products/metadata-fields";

const PRODUCT = {
  brand_name: "Ülker",
  product_name: "Gofret",
  claims: ["%100 doğal"],
  nutrition_facts: { calories: "152 kcal" },
} as Product;

describe("buildEdit", () => {
  const before = toDraft(PRODUCT);

  it("sends nothing when nothing changed", () => {
    expect(buildEdit(before, { ...before, brand_name: " Ülker " }, 3)).toBeNull();
  });

  it("sends only what changed, with the version that was read; an emptied field becomes null", () => {
    expect(buildEdit(before, { ...before, brand_name: "", claims: " a \n\n b" }, 3)).toEqual({
      version: 3,
      brand_name: null,
      claims: ["a", "b"],
    });
  });

  it("keeps the other nutrients when one changes", () => {
    expect(buildEdit(before, { ...before, sugar: "11 g" }, 1)?.nutrition_facts).toMatchObject({
      calories: "152 kcal",
      sugar: "11 g",
      protein: null,
    });
  });
});

describe("mergeDraft", () => {
  const before = toDraft(PRODUCT);

  it("takes their fields over and keeps mine", () => {
    const mine = { ...before, product_name: "Çikolatalı Gofret" };
    const theirs = { ...before, brand_name: "Ülker A.Ş." };
    expect(mergeDraft(before, mine, theirs)).toEqual({
      draft: { ...before, product_name: "Çikolatalı Gofret", brand_name: "Ülker A.Ş." },
      conflicts: [],
    });
  });

  it("names the fields that both changed, and keeps mine there", () => {
    const merged = mergeDraft(before, { ...before, brand_name: "A" }, { ...before, brand_name: "B" });
    expect(merged.conflicts).toEqual(["brand_name"]);
    expect(merged.draft.brand_name).toBe("A");
  });
});
