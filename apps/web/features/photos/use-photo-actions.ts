"use client";

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { toast } from "sonner";
import { useTranslations } from "use-intl";
import { fetchClient } from "@/api/client";
import { useProblemText } from "@/components/ui/problem-text";

type Change = { action: "discard" | "restore"; photo_ids: string[] };

async function changePhotos({ action, photo_ids }: Change): Promise<string[]> {
  const path = action === "discard" ? "/api/v1/real-images/discard" : "/api/v1/real-images/restore";
  const { data } = await fetchClient.POST(path, { body: { photo_ids } });
  return (data as { photo_ids: string[] }).photo_ids;
}

/** Take photos out of the pool and back; either can be undone from its message. */
export function usePhotoActions() {
  const t = useTranslations("photos");
  const problemText = useProblemText();
  const client = useQueryClient();
  const change = useMutation({
    mutationFn: changePhotos,
    async onSuccess(photo_ids, { action }) {
      const count = photo_ids.length;
      const isDiscard = action === "discard";
      toast.success(isDiscard ? t("discarded", { count }) : t("restored", { count }), {
        action: {
          label: t("undo"),
          onClick: () => change.mutate({ action: isDiscard ? "restore" : "discard", photo_ids }),
        },
      });
      await client.invalidateQueries({ queryKey: ["get"] });
    },
    onError: (error) => toast.error(problemText(error)),
  });
  return {
    isBusy: change.isPending,
    discard: (photo_ids: string[]) => change.mutate({ action: "discard", photo_ids }),
    restore: (photo_ids: string[]) => change.mutate({ action: "restore", photo_ids }),
  };
}
