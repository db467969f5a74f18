import { TrendingUp } from "lucide-react";
import { useFormatter, useTranslations } from "use-intl";
import { Card } from "@/components/ui/card";
import { cn } from "@/components/ui/class-names";

type Props = { label: string; total: number; last_week: number };

export function CountCard({ label, total, last_week }: Props) {
  const t = useTranslations("dashboard");
  const format = useFormatter();
  return (
    <Card className="px-4 py-3">
      <h2 className="text-ink-soft text-sm">{label}</h2>
      <p className="mt-1 font-semibold text-2xl tabular-nums tracking-tight">{format.number(total)}</p>
      <p
        className={cn(
          "mt-1 flex items-center gap-1 text-xs",
          last_week > 0 ? "text-green-text" : "text-ink-faint",
        )}
      >
        {last_week > 0 && <TrendingUp className="size-3.5" aria-hidden />}
        {last_week > 0 ? t("moreThisWeek", { count: last_week }) : t("noneThisWeek")}
      </p>
    </Card>
  );
}
