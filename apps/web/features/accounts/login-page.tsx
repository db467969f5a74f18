"use client";

import { CircleAlert } from "lucide-react";
import { type FormEvent, Suspense, useEffect, useState } from "react";
import { useTranslations } from "use-intl";
import { fetchClient } from "@/api/client";
import { type ApiProblem, toProblem } from "@/api/problem";
import { BrandMark } from "@/components/shell/brand-mark";
import { Button } from "@/components/ui/button";
import { Field } from "@/components/ui/field";
import { Input } from "@/components/ui/input";
import { useProblemText } from "@/components/ui/problem-text";
import { readNextPath } from "@/routing/next-path";

/** Seconds that are left of a pause, counting down to 0. */
function useCountdown() {
  const [left_s, setLeft] = useState(0);
  useEffect(() => {
    if (left_s <= 0) return;
    const timer = setTimeout(() => setLeft((before) => before - 1), 1000);
    return () => clearTimeout(timer);
  }, [left_s]);
  return [left_s, setLeft] as const;
}

export function LoginPage() {
  const t = useTranslations("login");
  useEffect(() => {
    document.title = `${t("title")} · Buybuddy`;
  }, [t]);
  return (
    <main className="grid min-h-screen place-items-center bg-sidebar px-4">
      <div className="w-full max-w-88">
        <div className="mb-6 flex flex-col items-center text-center">
          <BrandMark className="mb-3 size-10 text-accent" />
          <h1 className="font-semibold text-xl tracking-tight">{t("title")}</h1>
          <p className="mt-1 text-ink-soft text-sm">{t("text")}</p>
        </div>
        <Suspense>
          <LoginForm />
        </Suspense>
      </div>
    </main>
  );
}

function LoginForm() {
  const t = useTranslations("login");
  const problemText = useProblemText();
  const [username, setUsername] = useState("");
  const [password, setPassword] = useState("");
  const [isBusy, setIsBusy] = useState(false);
  const [problem, setProblem] = useState<ApiProblem | null>(null);
  const [wait_s, setWait] = useCountdown();

  async function onSubmit(event: FormEvent) {
    event.preventDefault();
    setIsBusy(true);
    setProblem(null);
    try {
      await fetchClient.POST("/api/v1/auth/login", { body: { username, password } });
      const next = new URLSearchParams(window.location.search).get("next");
      // A full load: the pages begin with nothing left from whoever was here before.
      window.location.assign(readNextPath(next, window.location.origin));
    } catch (error) {
      const refused = toProblem(error);
      setIsBusy(false);
      setProblem(refused);
      if (refused.code === "LOGIN_THROTTLED") setWait(Math.ceil(Number(refused.fields.retry_after_s) || 1));
      else setPassword("");
    }
  }

  function explain(refused: ApiProblem): string {
    if (refused.code === "INVALID_CREDENTIALS") return t("wrong");
    if (refused.code === "LOGIN_THROTTLED")
      return wait_s > 0 ? t("throttled", { seconds: wait_s }) : t("again");
    return problemText(refused);
  }

  return (
    <form
      onSubmit={(event) => void onSubmit(event)}
      className="flex flex-col gap-4 rounded-lg border border-line bg-surface p-6"
    >
      <Field label={t("username")}>
        {(id) => (
          <Input
            id={id}
            name="username"
            autoComplete="username"
            autoCapitalize="none"
            spellCheck={false}
            required
            autoFocus
            className="h-9"
            value={username}
            onChange={(event) => setUsername(event.target.value)}
          />
        )}
      </Field>
      <Field label={t("password")}>
        {(id) => (
          <Input
            id={id}
            name="password"
            type="password"
            autoComplete="current-password"
            required
            className="h-9"
            value={password}
            aria-invalid={problem?.code === "INVALID_CREDENTIALS" || undefined}
            onChange={(event) => setPassword(event.target.value)}
          />
        )}
      </Field>
      <div role="alert">
        {problem && (
          <p className="flex gap-2 rounded-md bg-red-soft px-3 py-2 text-red-text text-sm">
            <CircleAlert className="mt-0.5 size-4 shrink-0" aria-hidden /> {explain(problem)}
          </p>
        )}
      </div>
      <Button type="submit" variant="primary" size="lg" isBusy={isBusy} disabled={wait_s > 0}>
        {t("submit")}
      </Button>
    </form>
  );
}
