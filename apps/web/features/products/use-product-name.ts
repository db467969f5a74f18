import { useTranslations } from "use-intl";

type Named = {
  brand_name?: string | null;
  sub_brand?: string | null;
  product_name?: string | null;
  variant_flavor?: string | null;
};

/** Brand, name and variant in one line; a product of which nothing was read says so. */
export function useProductName() {
  const t = useTranslations("products");
  return (product: Named) =>
    [product.brand_name, product.sub_brand, product.product_name, product.variant_flavor]
      .filter(Boolean)
      .join(" ") || t("unnamed");
}
