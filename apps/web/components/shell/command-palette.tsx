"use client";

import { keepPreviousData } from "@tanstack/react-query";
import { Command } from "cmdk";
import { Search, Upload } from "lucide-react";
import { useRouter } from "next/navigation";
import { Dialog as Radix } from "radix-ui";
import { useState } from "react";
import { useTranslations } from "use-intl";
import { $api } from "@/api/client";
import { useIsOperator } from "@/features/accounts/use-is-operator";
import { useProductName } from "@/features/products/use-product-name";
import { useDebounced } from "@/routing/use-debounced";
import { MediaImage } from "../ui/media-image";
import { NAVIGATION } from "./navigation";

const item =
  "flex h-10 cursor-default select-none items-center gap-3 rounded-md px-2.5 text-sm data-[selected=true]:bg-hover [&>svg]:size-4 [&>svg]:text-ink-faint";
const group =
  "[&_[cmdk-group-heading]]:px-2.5 [&_[cmdk-group-heading]]:pt-2.5 [&_[cmdk-group-heading]]:pb-1 [&_[cmdk-group-heading]]:font-medium [&_[cmdk-group-heading]]:text-2xs [&_[cmdk-group-heading]]:text-ink-faint";

type Props = { isOpen: boolean; onOpenChange: (isOpen: boolean) => void };

export function CommandPalette({ isOpen, onOpenChange }: Props) {
  const t = useTranslations("palette");
  return (
    <Radix.Root open={isOpen} onOpenChange={onOpenChange}>
      <Radix.Portal>
        <Radix.Overlay className="fixed inset-0 z-40 animate-fade bg-overlay" />
        <Radix.Content
          aria-describedby={undefined}
          className="fixed top-[14vh] left-1/2 z-50 w-[min(38rem,calc(100vw-2rem))] -translate-x-1/2 overflow-hidden rounded-lg border border-line bg-surface shadow-pop outline-none"
        >
          <Radix.Title className="sr-only">{t("open")}</Radix.Title>
          <PaletteBody onDone={() => onOpenChange(false)} />
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}

function PaletteBody({ onDone }: { onDone: () => void }) {
  const t = useTranslations("palette");
  const tNavigation = useTranslations("navigation");
  const router = useRouter();
  const isOperator = useIsOperator();
  const productName = useProductName();
  const [text, setText] = useState("");
  const search = useDebounced(text.trim(), 180);
  const products = $api.useQuery(
    "get",
    "/api/v1/products",
    { params: { query: { search, limit: 8 } } },
    { enabled: search.length > 0, placeholderData: keepPreviousData },
  );
  const found = search ? (products.data?.items ?? []) : [];
  const needle = text.trim().toLocaleLowerCase();
  const pages = NAVIGATION.filter(({ name }) => tNavigation(name).toLocaleLowerCase().includes(needle));

  function go(path: string) {
    onDone();
    router.push(path);
  }

  return (
    <Command shouldFilter={false} label={t("open")}>
      <div className="flex items-center gap-3 border-line border-b px-4">
        <Search className="size-4 text-ink-faint" aria-hidden />
        <Command.Input
          value={text}
          onValueChange={setText}
          placeholder={t("placeholder")}
          className="h-12 flex-1 bg-transparent text-base outline-none placeholder:text-ink-faint"
        />
      </div>
      <Command.List className="max-h-[50vh] overflow-y-auto p-1.5" aria-label={t("results")}>
        <Command.Empty className="py-8 text-center text-ink-soft text-sm">
          {products.isFetching ? t("searching") : t("nothing")}
        </Command.Empty>
        {found.length > 0 && (
          <Command.Group heading={t("products")} className={group}>
            {found.map((product) => (
              <Command.Item
                key={product.id}
                value={product.id}
                className={item}
                onSelect={() => go(`/products/${product.id}`)}
              >
                <MediaImage
                  identity={product.id}
                  url={product.thumbnail_url}
                  alt=""
                  className="size-7 shrink-0 rounded-sm"
                />
                <span className="min-w-0 flex-1 truncate">{productName(product)}</span>
                <span className="font-mono text-ink-faint text-xs">{product.barcode}</span>
              </Command.Item>
            ))}
          </Command.Group>
        )}
        {pages.length > 0 && (
          <Command.Group heading={t("pages")} className={group}>
            {pages.map(({ path, name, icon: Icon }) => (
              <Command.Item key={path} value={path} className={item} onSelect={() => go(path)}>
                <Icon aria-hidden /> {tNavigation(name)}
              </Command.Item>
            ))}
          </Command.Group>
        )}
        {needle === "" && isOperator && (
          <Command.Group heading={t("actions")} className={group}>
            <Command.Item value="upload" className={item} onSelect={() => go("/videos?upload=1")}>
              <Upload aria-hidden /> {t("upload")}
            </Command.Item>
          </Command.Group>
        )}
      </Command.List>
    </Command>
  );
}
