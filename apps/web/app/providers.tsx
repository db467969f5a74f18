"use client";

import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { toProblem } from "@/api/problem";
import { Toaster } from "@/components/ui/toaster";
import { TooltipProvider } from "@/components/ui/tooltip";
import { PreferencesProvider } from "@/preferences/preferences-provider";

const buildQueryClient = () =>
  new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 15_000,
        retry: (failures, error) => failures < 2 && toProblem(error).isRetryable,
      },
    },
  });

export function Providers({ children }: { children: ReactNode }) {
  const [client] = useState(buildQueryClient);
  return (
    <QueryClientProvider client={client}>
      <PreferencesProvider>
        <TooltipProvider delayDuration={300}>
          {children}
          <Toaster />
        </TooltipProvider>
      </PreferencesProvider>
    </QueryClientProvider>
  );
}
