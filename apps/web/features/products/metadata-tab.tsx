"use client";

import { Pencil, TriangleAlert } from "lucide-react";
import { useTranslations } from "use-intl";
import type { Product } from "@/api/types";
import { Button } from "@/components/ui/button";
import { Card, CardHeader } from "@/components/ui/card";
import { useQuantities } from "@/components/ui/quantities";
import { useIsOperator } from "@/features/accounts/use-is-operator";
import { NUTRIENTS, TEXT_FIELDS } from "./metadata-fields";
import { MetadataForm } from "./metadata-form";
import { useIssueText } from "./use-issue-text";

type Props = { product: Product; isEditing: boolean; onEditing: (isEditing: boolean) => void };

export function MetadataTab({ product, isEditing, onEditing }: Props) {
  const t = useTranslations("metadata");
  const issueText = useIssueText();
  return (
    <div className="flex flex-col gap-4">
      {product.issues_detected.length > 0 && (
        <section
          aria-label={t("issues")}
          className="rounded-lg bg-yellow-soft px-4 py-3 text-sm text-yellow-text"
        >
          <h2 className="flex items-center gap-2 font-semibold">
            <TriangleAlert className="size-4" aria-hidden /> {t("issues")}
          </h2>
          <ul className="mt-1 list-disc pl-10">
            {product.issues_detected.map((issue) => (
              <li key={issue}>{issueText(issue)}</li>
            ))}
          </ul>
        </section>
      )}
      {isEditing ? (
        <MetadataForm product={product} onDone={() => onEditing(false)} />
      ) : (
        <MetadataView product={product} onEdit={() => onEditing(true)} />
      )}
    </div>
  );
}

function Row({ label, value }: { label: string; value: string | null | undefined }) {
  const t = useTranslations("metadata");
  return (
    <div className="grid grid-cols-[10rem_minmax(0,1fr)] gap-4 border-line border-b px-4 py-2 text-sm last:border-b-0">
      <dt className="text-ink-soft">{label}</dt>
      <dd className="whitespace-pre-line break-words">
        {value || <span className="text-ink-faint">{t("notRead")}</span>}
      </dd>
    </div>
  );
}

function MetadataView({ product, onEdit }: { product: Product; onEdit: () => void }) {
  const t = useTranslations("metadata");
  const isOperator = useIsOperator();
  const { percent } = useQuantities();
  return (
    <>
      <Card>
        <CardHeader title={t("title")}>
          {isOperator && (
            <Button size="sm" onClick={onEdit}>
              <Pencil aria-hidden /> {t("edit")}
            </Button>
          )}
        </CardHeader>
        <dl>
          {TEXT_FIELDS.map((name) => (
            <Row key={name} label={t(`fields.${name}`)} value={product[name]} />
          ))}
          <Row label={t("fields.claims")} value={product.claims.join("\n")} />
        </dl>
      </Card>
      <Card>
        <CardHeader title={t("nutrition")} />
        <dl>
          {NUTRIENTS.map((name) => (
            <Row key={name} label={t(`nutrients.${name}`)} value={product.nutrition_facts[name]} />
          ))}
        </dl>
      </Card>
      <Card>
        <CardHeader title={t("reading")} />
        <dl>
          <Row label={t("reader")} value={product.metadata_reader} />
          <Row
            label={t("visibility")}
            value={product.visibility_score === null ? null : percent(product.visibility_score / 100)}
          />
          <Row label={t("barcodesSeen")} value={product.barcodes_seen.join(", ")} />
        </dl>
      </Card>
    </>
  );
}
