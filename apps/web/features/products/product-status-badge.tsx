import { useTranslations } from "use-intl";
import type { ProductStatus } from "@/api/types";
import { Badge, type Tone } from "@/components/ui/badge";

const TONES: Record<ProductStatus, Tone> = {
  pending: "yellow",
  processing: "blue",
  needs_matching: "purple",
  ready: "green",
  rejected: "red",
};

export function ProductStatusBadge({ status }: { status: ProductStatus }) {
  const t = useTranslations("products");
  return <Badge tone={TONES[status]}>{t(`statuses.${status}`)}</Badge>;
}
