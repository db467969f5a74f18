"use client";

import { type ReactNode, useEffect } from "react";

type Props = { title: string; description?: string; children?: ReactNode };

export function PageHeader({ title, description, children }: Props) {
  useEffect(() => {
    document.title = `${title} · Buybuddy`;
  }, [title]);
  return (
    <div className="mb-5 flex items-end gap-4">
      <div className="min-w-0 flex-1">
        <h1 className="truncate font-semibold text-xl tracking-tight">{title}</h1>
        {description && <p className="mt-0.5 text-ink-soft text-sm">{description}</p>}
      </div>
      {children}
    </div>
  );
}
