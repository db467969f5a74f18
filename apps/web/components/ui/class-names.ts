import { type ClassValue, clsx } from "clsx";
import { twMerge } from "tailwind-merge";

/** Join class names; of two that set the same thing the later one wins. */
export const cn = (...names: ClassValue[]) => twMerge(clsx(names));
