"use client";

import { useTranslations } from "use-intl";
import { Dialog, DialogContent } from "@/components/ui/dialog";
import { Kbd } from "@/components/ui/kbd";

const ROWS = [
  ["move", ["←", "→", "↑", "↓"]],
  ["select", ["Space"]],
  ["approve", ["A"]],
  ["reject", ["R"]],
  ["skip", ["S"]],
  ["undo", ["U", "Ctrl Z"]],
  ["selectAll", ["E"]],
  ["invert", ["I"]],
  ["clear", ["Esc"]],
  ["zoom", ["Z", "Enter"]],
  ["refresh", ["F"]],
  ["next", ["N"]],
  ["search", ["/"]],
  ["sheet", ["?"]],
] as const;

export function ShortcutSheet({ isOpen, onOpen }: { isOpen: boolean; onOpen: (isOpen: boolean) => void }) {
  const t = useTranslations("matching.help");
  return (
    <Dialog open={isOpen} onOpenChange={onOpen}>
      <DialogContent title={t("title")} description={t("text")}>
        <dl className="grid grid-cols-[1fr_auto] gap-x-6 gap-y-1.5 overflow-y-auto px-5 pb-5 text-sm">
          {ROWS.map(([name, keys]) => (
            <div key={name} className="col-span-2 grid grid-cols-subgrid">
              <dt className="text-ink-soft">{t(`keys.${name}`)}</dt>
              <dd className="flex justify-end gap-1">
                {keys.map((key) => (
                  <Kbd key={key}>{key}</Kbd>
                ))}
              </dd>
            </div>
          ))}
        </dl>
      </DialogContent>
    </Dialog>
  );
}
