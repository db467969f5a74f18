"use client";

import { type DragEvent, type ReactNode, useRef, useState } from "react";
import { cn } from "./class-names";

type Props = {
  label: string;
  accept: string;
  isMultiple?: boolean;
  onFiles: (files: File[]) => void;
  className?: string;
  children: (choose: () => void, isOver: boolean) => ReactNode;
};

/** An area that takes dropped files, with a hidden file field behind the buttons that its children draw. */
export function DropZone({ label, accept, isMultiple, onFiles, className, children }: Props) {
  const field = useRef<HTMLInputElement>(null);
  const [depth, setDepth] = useState(0);

  function take(files: FileList | null) {
    if (files?.length) onFiles(isMultiple ? [...files] : [...files].slice(0, 1));
  }
  function onDrop(event: DragEvent) {
    event.preventDefault();
    setDepth(0);
    take(event.dataTransfer.files);
  }

  return (
    <section
      aria-label={label}
      className={cn(className)}
      onDragEnter={(event) => {
        event.preventDefault();
        setDepth((before) => before + 1);
      }}
      onDragLeave={() => setDepth((before) => Math.max(0, before - 1))}
      onDragOver={(event) => event.preventDefault()}
      onDrop={onDrop}
    >
      <input
        ref={field}
        type="file"
        accept={accept}
        multiple={isMultiple}
        aria-label={label}
        className="hidden"
        onChange={(event) => {
          take(event.target.files);
          event.target.value = "";
        }}
      />
      {children(() => field.current?.click(), depth > 0)}
    </section>
  );
}
