import { useTranslations } from "use-intl";

/** "cutting out 3/40" is the step `cutting_out` and the count 3/40. */
export function readStep(step: string): { key: string; count: string } {
  const count = step.match(/\d+\/\d+/)?.[0] ?? "";
  const key = step
    .toLowerCase()
    .replace(/[^a-z]+/g, " ")
    .trim()
    .replaceAll(" ", "_");
  return { key, count };
}

/** The API names a step in English words; those that the pages know are shown in the chosen language. */
export function useStepName() {
  const t = useTranslations("steps");
  return (step: string | null): string => {
    if (!step) return "";
    const { key, count } = readStep(step);
    const name = key as Parameters<typeof t.has>[0];
    if (!t.has(name)) return step;
    return count ? `${t(name)} ${count}` : t(name);
  };
}
