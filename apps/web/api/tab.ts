/**
 * Which tab this is, made up anew with every load of the page: locks belong to tabs, and a tab that was duplicated must
 * not share its twin's. (crypto.randomUUID is missing on plain HTTP.)
 */
export const TAB_ID = [...crypto.getRandomValues(new Uint8Array(16))]
  .map((byte) => byte.toString(16).padStart(2, "0"))
  .join("");
