"use client";

import { Eye, MoreHorizontal, Pencil, Trash2 } from "lucide-react";
import { useRouter } from "next/navigation";
import { useTranslations } from "use-intl";
import type { ProductRow } from "@/api/types";
import { Button } from "@/components/ui/button";
import { Menu, MenuContent, MenuItem, MenuSeparator, MenuTrigger } from "@/components/ui/menu";
import { useIsOperator } from "@/features/accounts/use-is-operator";
import { useProductName } from "./use-product-name";

type Props = { product: ProductRow; onDelete: (product: ProductRow) => void };

export function ProductMenu({ product, onDelete }: Props) {
  const t = useTranslations("products");
  const isOperator = useIsOperator();
  const router = useRouter();
  const productName = useProductName();
  return (
    <Menu>
      <MenuTrigger asChild>
        <Button size="icon-sm" variant="ghost" aria-label={t("menu", { name: productName(product) })}>
          <MoreHorizontal />
        </Button>
      </MenuTrigger>
      <MenuContent>
        <MenuItem onSelect={() => router.push(`/products/${product.id}`)}>
          <Eye aria-hidden /> {t("view")}
        </MenuItem>
        {isOperator && (
          <>
            <MenuItem onSelect={() => router.push(`/products/${product.id}?edit=1`)}>
              <Pencil aria-hidden /> {t("edit")}
            </MenuItem>
            <MenuSeparator />
            <MenuItem isDanger onSelect={() => onDelete(product)}>
              <Trash2 aria-hidden /> {t("delete")}
            </MenuItem>
          </>
        )}
      </MenuContent>
    </Menu>
  );
}
