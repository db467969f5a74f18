"use client";

import { ImageOff } from "lucide-react";
import { useEffect, useState } from "react";
import { cn } from "./class-names";

/**
 * Links to media are signed anew with every answer. The first one is kept until it fails, so that a refetch neither
 * loads a picture again nor stops a video that plays.
 */
export function useStableUrl(identity: string, url: string | null) {
  const [kept, setKept] = useState({ identity, url });
  const [hasFailed, setHasFailed] = useState(false);
  useEffect(() => {
    setKept((before) => (before.identity === identity && before.url ? before : { identity, url }));
  }, [identity, url]);
  const current = kept.identity === identity ? (kept.url ?? url) : url;
  return {
    url: current,
    hasFailed: hasFailed && current === url,
    onError: () => {
      setHasFailed(true);
      if (url !== current) setKept({ identity, url });
    },
    onLoad: () => setHasFailed(false),
  };
}

type Props = { identity: string; url: string | null; alt: string; className?: string; isLazy?: boolean };

export function MediaImage({ identity, url, alt, className, isLazy = true }: Props) {
  const media = useStableUrl(identity, url);
  if (!media.url || media.hasFailed) {
    return (
      <span className={cn("grid place-items-center bg-sunken text-ink-faint", className)}>
        <ImageOff className="size-4" aria-hidden />
        {alt && <span className="sr-only">{alt}</span>}
      </span>
    );
  }
  return (
    <img
      src={media.url}
      alt={alt}
      loading={isLazy ? "lazy" : undefined}
      decoding="async"
      onError={media.onError}
      onLoad={media.onLoad}
      className={cn("bg-sunken object-cover", className)}
    />
  );
}
