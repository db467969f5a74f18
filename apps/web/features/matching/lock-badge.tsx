"use client";

import { Lock as LockIcon, LockOpen, Pencil } from "lucide-react";
import { useEffect, useState } from "react";
import { useFormatter, useTranslations } from "use-intl";
import type { User } from "@/api/types";
import { Button } from "@/components/ui/button";
import { cn } from "@/components/ui/class-names";
import { useProblemText } from "@/components/ui/problem-text";
import { useQuantities } from "@/components/ui/quantities";
import type { LockKeeper, LockState } from "./lock-keeper";

/** Seconds that a lock still lasts. */
function useSecondsLeft(until_ms: number): number {
  const [now_ms, setNow] = useState(() => performance.now());
  useEffect(() => {
    setNow(performance.now());
    const timer = setInterval(() => setNow(performance.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  return Math.max(0, Math.round((until_ms - now_ms) / 1000));
}

/** Who may decide about this product at the moment. */
export function LockBadge({ state, me }: { state: LockState; me: User }) {
  const t = useTranslations("matching.lock");
  const format = useFormatter();
  const { duration } = useQuantities();
  const left_s = useSecondsLeft("until_ms" in state ? state.until_ms : 0);
  const isMine = state.kind === "mine";
  const isTheirs = state.kind === "theirs";
  const Icon = isMine ? Pencil : isTheirs ? LockIcon : LockOpen;

  function describe(): string {
    if (state.kind === "mine") return t("mine", { left: duration(left_s) });
    if (state.kind === "theirs") {
      const since = format.dateTime(new Date(state.lock.acquired_at), { timeStyle: "short" });
      return state.lock.user.id === me.id
        ? t("otherTab", { since })
        : t("theirs", { name: state.lock.user.username, since });
    }
    const { kind } = state;
    return t(kind);
  }

  return (
    <p
      role="status"
      data-lock={state.kind}
      className={cn(
        "flex items-center gap-2 rounded-md bg-sunken px-2.5 py-1.5 font-medium text-ink-soft text-xs",
        isMine && "bg-green-soft text-green-text",
        isTheirs && "bg-yellow-soft text-yellow-text",
      )}
    >
      <Icon className="size-3.5 shrink-0" aria-hidden />
      {/* The countdown is for the eye only: read out each second it would be noise. */}
      <span aria-hidden={isMine}>{describe()}</span>
      {isMine && <span className="sr-only">{t("mineShort")}</span>}
    </p>
  );
}

/** Why nothing can be decided now, and what can be done about it. */
export function LockNotice({ state, keeper, me }: { state: LockState; keeper: LockKeeper; me: User }) {
  const t = useTranslations("matching.lock");
  const problemText = useProblemText();
  if (me.role === "viewer") return <Notice>{t("viewer")}</Notice>;
  if (state.kind === "theirs") {
    const isOwn = state.lock.user.id === me.id;
    return <Notice>{isOwn ? t("otherTabText") : t("theirsText", { name: state.lock.user.username })}</Notice>;
  }
  if (state.kind === "broken" || state.kind === "failed") {
    return (
      <Notice action={<Button onClick={() => void keeper.ask()}>{t("takeAgain")}</Button>}>
        {state.kind === "failed" ? problemText(state.error) : t("brokenText")}
      </Notice>
    );
  }
  return null;
}

function Notice({ children, action }: { children: string; action?: React.ReactNode }) {
  return (
    <div className="flex items-center gap-3 border-line border-b bg-yellow-soft px-4 py-2 text-sm text-yellow-text">
      <p className="flex-1">{children}</p>
      {action}
    </div>
  );
}
