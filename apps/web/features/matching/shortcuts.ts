export type Action =
  | "left"
  | "right"
  | "up"
  | "down"
  | "first"
  | "last"
  | "toggle"
  | "approve"
  | "reject"
  | "skip"
  | "undo"
  | "selectAll"
  | "invert"
  | "clear"
  | "zoom"
  | "next"
  | "search"
  | "refresh"
  | "help";

const KEYS: Record<string, Action> = {
  ArrowLeft: "left",
  ArrowRight: "right",
  ArrowUp: "up",
  ArrowDown: "down",
  Home: "first",
  End: "last",
  " ": "toggle",
  Enter: "zoom",
  Escape: "clear",
  a: "approve",
  r: "reject",
  s: "skip",
  u: "undo",
  e: "selectAll",
  i: "invert",
  z: "zoom",
  n: "next",
  f: "refresh",
  "/": "search",
  "?": "help",
};
/** What a focused button or link does with these keys is its own affair. */
const OF_BUTTONS: Action[] = ["toggle", "zoom"];

type Key = Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "altKey">;

/** What a key asks for; null for what is not ours. A Turkish keyboard's dotted and dotless i are one. */
export function readAction({ key, ctrlKey, metaKey, altKey }: Key): Action | null {
  const letter = key.length === 1 ? key.replace(/[İıI]/, "i").toLowerCase() : key;
  if (altKey) return null;
  if (ctrlKey || metaKey) return letter === "z" ? "undo" : null;
  return KEYS[letter] ?? null;
}

/** Whether the place that has the focus leaves a key to the page: text fields, menus and windows do not. */
export function isOurs(target: EventTarget | null, action: Action): boolean {
  if (!(target instanceof Element)) return true;
  if (target.closest("[data-shortcuts]")) return true;
  if (target.closest("input,textarea,select,[contenteditable],[role=dialog],[role=alertdialog]"))
    return false;
  if (target.closest("[role=menu],[role=listbox],[role=combobox],[role=tablist]")) return false;
  return !(OF_BUTTONS.includes(action) && target.closest("button,a,[role=checkbox]"));
}
