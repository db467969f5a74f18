import { useTranslations } from "use-intl";

const show = (value: unknown): string => {
  if (typeof value === "number") return Number.isInteger(value) ? String(value) : value.toFixed(3);
  return typeof value === "string" ? value : JSON.stringify(value);
};

/** One level of nesting becomes `outer.inner`; what lies deeper is shown as JSON. */
export function flattenMetrics(metrics: Record<string, unknown>): [string, string][] {
  return Object.entries(metrics).flatMap(([name, value]): [string, string][] => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return [[name, show(value)]];
    return Object.entries(value).map(([inner, one]) => [`${name}.${inner}`, show(one)]);
  });
}

export function JobMetrics({ metrics }: { metrics: Record<string, unknown> }) {
  const t = useTranslations("jobs");
  const rows = flattenMetrics(metrics);
  if (rows.length === 0) return null;
  return (
    <section>
      <h3 className="mb-1.5 font-semibold text-sm">{t("metrics")}</h3>
      <dl className="grid grid-cols-2 gap-x-6 rounded-md border border-line px-3 py-1.5 font-mono text-xs">
        {rows.map(([name, value]) => (
          <div key={name} className="flex gap-2 py-0.5">
            <dt className="min-w-0 flex-1 truncate text-ink-soft">{name}</dt>
            <dd className="max-w-[60%] truncate tabular-nums" title={value}>
              {value}
            </dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
