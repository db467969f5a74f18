import { useTranslations } from "use-intl";

/** The API names a step in English words; those that the pages know are shown in the chosen language. */
export function useStepName() {
  const t = useTranslations("steps");
  return (step: string | null): string => {
    if (!step) return "";
    const key = step.toLowerCase().replace(/[^a-z0-9]+/g, "_") as Parameters<typeof t.has>[0];
    return t.has(key) ? t(key) : step;
  };
}
