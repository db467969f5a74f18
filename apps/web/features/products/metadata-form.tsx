"use client";

import { useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { toast } from "sonner";
import { useTranslations } from "use-intl";
import { $api, fetchClient } from "@/api/client";
import { toProblem } from "@/api/problem";
import type { Product } from "@/api/types";
import { Button } from "@/components/ui/button";
import { Card, CardHeader } from "@/components/ui/card";
import { Field } from "@/components/ui/field";
import { Input, Textarea } from "@/components/ui/input";
import { useProblemText } from "@/components/ui/problem-text";
import {
  buildEdit,
  type Draft,
  type DraftField,
  mergeDraft,
  NUTRIENTS,
  TEXT_FIELDS,
  toDraft,
} from "./metadata-fields";

const LONG_FIELDS: DraftField[] = ["grounding_prompt", "marketing_description", "claims"];

/**
 * Edit what was read. The form keeps the version it began with; when somebody else saved meanwhile, nothing is written,
 * their other fields are taken over, and fields that both changed are marked before saving again.
 */
export function MetadataForm({ product, onDone }: { product: Product; onDone: () => void }) {
  const t = useTranslations("metadata");
  const problemText = useProblemText();
  const client = useQueryClient();
  const [base, setBase] = useState({ version: product.version, draft: toDraft(product) });
  const [draft, setDraft] = useState<Draft>(base.draft);
  const [theirs, setTheirs] = useState<Draft | null>(null);
  const [conflicts, setConflicts] = useState<DraftField[]>([]);
  const request = { params: { path: { product_id: product.id } } };
  const save = $api.useMutation("patch", "/api/v1/products/{product_id}", {
    async onSuccess() {
      toast.success(t("saved"));
      onDone();
      await client.invalidateQueries();
    },
    async onError(error: unknown) {
      if (toProblem(error).code !== "CONFLICT") {
        toast.error(problemText(error));
        return;
      }
      try {
        const { data: latest } = await fetchClient.GET("/api/v1/products/{product_id}", request);
        if (latest) takeOver(latest);
      } catch (unreachable) {
        toast.error(problemText(unreachable));
      }
    },
  });

  function takeOver(latest: Product) {
    const merged = mergeDraft(base.draft, draft, toDraft(latest));
    setDraft(merged.draft);
    setConflicts(merged.conflicts);
    setTheirs(toDraft(latest));
    setBase({ version: latest.version, draft: toDraft(latest) });
  }

  function onSubmit(event: FormEvent) {
    event.preventDefault();
    const edit = buildEdit(base.draft, draft, base.version);
    if (edit) save.mutate({ ...request, body: edit });
    else onDone();
  }

  function renderField(name: DraftField, label: string) {
    const isConflict = conflicts.includes(name);
    const Box = LONG_FIELDS.includes(name) ? Textarea : Input;
    return (
      <Field
        key={name}
        label={label}
        className={LONG_FIELDS.includes(name) ? "sm:col-span-2" : undefined}
        hint={
          isConflict ? t("theirs", { value: theirs?.[name] || "–" }) : name === "claims" && t("onePerLine")
        }
      >
        {(id) => (
          <Box
            id={id}
            value={draft[name]}
            aria-invalid={isConflict || undefined}
            onChange={(event) => setDraft({ ...draft, [name]: event.target.value })}
          />
        )}
      </Field>
    );
  }

  return (
    <form onSubmit={onSubmit}>
      <Card>
        <CardHeader title={t("title")}>
          <Button size="sm" onClick={onDone}>
            {t("cancel")}
          </Button>
          <Button size="sm" type="submit" variant="primary" isBusy={save.isPending}>
            {t("save")}
          </Button>
        </CardHeader>
        {theirs && (
          <p
            role="alert"
            className="border-line border-b bg-yellow-soft px-4 py-2.5 text-sm text-yellow-text"
          >
            {t("conflict", { count: conflicts.length })}
          </p>
        )}
        <div className="grid gap-3 p-4 sm:grid-cols-2">
          {TEXT_FIELDS.map((name) => renderField(name, t(`fields.${name}`)))}
          {renderField("claims", t("fields.claims"))}
        </div>
        <h3 className="border-line border-y px-4 py-2.5 font-semibold text-sm">{t("nutrition")}</h3>
        <div className="grid gap-3 p-4 sm:grid-cols-3">
          {NUTRIENTS.map((name) => renderField(name, t(`nutrients.${name}`)))}
        </div>
      </Card>
    </form>
  );
}
