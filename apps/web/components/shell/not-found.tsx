"use client";

import { Compass } from "lucide-react";
import Link from "next/link";
import { useTranslations } from "use-intl";
import { Button } from "../ui/button";
import { EmptyState } from "../ui/states";

export function NotFound() {
  const t = useTranslations("notFound");
  return (
    <main className="grid min-h-screen place-items-center">
      <EmptyState
        icon={Compass}
        title={t("title")}
        action={
          <Button asChild>
            <Link href="/">{t("home")}</Link>
          </Button>
        }
      >
        {t("text")}
      </EmptyState>
    </main>
  );
}
