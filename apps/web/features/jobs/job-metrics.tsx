import { useTranslations } from "use-intl";

function show(value: unknown): string | null {
  if (typeof value === "number") return Number.isInteger(value) ? String(value) : value.toFixed(3);
  return typeof value === "string" ? value : null;
}

/** Numbers and words, with one level of nesting as `outer.inner`. Lists and deeper levels are for programs. */
export function flattenMetrics(metrics: Record<string, unknown>): [string, string][] {
  return Object.entries(metrics).flatMap(([name, value]) => {
    const inner: [string, unknown][] =
      typeof value === "object" && value !== null && !Array.isArray(value)
        ? Object.entries(value).map(([key, one]) => [`${name}.${key}`, one])
        : [[name, value]];
    return inner.flatMap(([key, one]): [string, string][] => {
      const text = show(one);
      return text === null ? [] : [[key, text]];
    });
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
