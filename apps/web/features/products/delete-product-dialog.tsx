"use client";

import { useQueryClient } from "@tanstack/react-query";
import { toast } from "sonner";
import { useTranslations } from "use-intl";
import { $api } from "@/api/client";
import type { ProductRow } from "@/api/types";
import { ConfirmDialog } from "@/components/ui/confirm-dialog";
import { useProblemText } from "@/components/ui/problem-text";
import { useProductName } from "./use-product-name";

type Props = { product: ProductRow | null; onClose: () => void; onDeleted?: () => void };

export function DeleteProductDialog({ product, onClose, onDeleted }: Props) {
  const t = useTranslations("products");
  const productName = useProductName();
  const problemText = useProblemText();
  const client = useQueryClient();
  const remove = $api.useMutation("delete", "/api/v1/products/{product_id}", {
    async onSuccess() {
      toast.success(t("deleted"));
      onClose();
      onDeleted?.();
      await client.invalidateQueries();
    },
    onError: (error: unknown) => toast.error(problemText(error)),
  });
  return (
    <ConfirmDialog
      isOpen={product !== null}
      title={t("deleteTitle")}
      description={t("deleteText", {
        name: product ? productName(product) : "",
        count: product?.frame_count ?? 0,
      })}
      action={t("delete")}
      isBusy={remove.isPending}
      onConfirm={() => product && remove.mutate({ params: { path: { product_id: product.id } } })}
      onClose={onClose}
    />
  );
}
