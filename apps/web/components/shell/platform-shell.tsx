"use client";

import { usePathname, useRouter } from "next/navigation";
import { type ReactNode, Suspense, useEffect } from "react";
import { useTranslations } from "use-intl";
import { $api } from "@/api/client";
import { toProblem } from "@/api/problem";
import { onSessionLost } from "@/api/session-lost";
import { useIsSending } from "@/features/matching/sending";
import { useJobToasts } from "@/features/notifications/use-job-toasts";
import { buildLoginPath } from "@/routing/next-path";
import { useLeaveWarning } from "@/routing/use-leave-warning";
import { ErrorState, LoadingRows } from "../ui/states";
import { Header } from "./header";
import { LiveProvider } from "./live-provider";
import { Sidebar } from "./sidebar";

/** Everything around a page for a person who is signed in; everyone else is led to the login page. */
export function PlatformShell({ children }: { children: ReactNode }) {
  const t = useTranslations("navigation");
  const router = useRouter();
  const pathname = usePathname();
  const me = $api.useQuery("get", "/api/v1/auth/me", undefined, { staleTime: 60_000 });
  const toastJob = useJobToasts();
  useLeaveWarning(useIsSending()); // here, because decisions travel on when their page is left

  useEffect(
    () =>
      onSessionLost(() => router.replace(buildLoginPath(window.location.pathname + window.location.search))),
    [router],
  );

  if (me.isError && toProblem(me.error).status !== 401) {
    return (
      <main className="grid min-h-screen place-items-center">
        <ErrorState error={me.error} onRetry={() => void me.refetch()} />
      </main>
    );
  }
  if (!me.data) return null;

  return (
    <LiveProvider onEvent={toastJob}>
      <a
        href="#content"
        className="-top-12 fixed left-3 z-50 rounded-md bg-accent px-3 py-2 font-medium text-accent-ink text-sm focus:top-3"
      >
        {t("skip")}
      </a>
      <div className="flex min-h-screen">
        <Sidebar />
        <div className="flex min-w-0 flex-1 flex-col">
          <Header />
          <main id="content" tabIndex={-1} className="min-w-0 flex-1 px-6 py-5 outline-none">
            <Suspense fallback={<LoadingRows />} key={pathname}>
              {children}
            </Suspense>
          </main>
        </div>
      </div>
    </LiveProvider>
  );
}
