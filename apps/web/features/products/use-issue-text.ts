import { useTranslations } from "use-intl";

const PATTERNS = [
  ["blurred", /^all views are blurred$/],
  ["small", /^the product is small in every view$/],
  ["noView", /^no view of the product$/],
  ["noText", /^no text could be read$/],
  ["noName", /^no brand or product name could be read$/],
  ["noBarcode", /^no barcode could be decoded$/],
  ["mismatch", /^barcode mismatch: expected (?<expected>\S+), seen (?<seen>.+)$/],
  ["noCheckDigit", /^the expected barcode (?<expected>\S+) has no valid check digit$/],
  ["several", /^several barcodes seen: (?<seen>.+)$/],
] as const;

/** What the reader found wrong, in the chosen language; an issue that the pages do not know is shown as it is. */
export function useIssueText() {
  const t = useTranslations("issues");
  return (issue: string): string => {
    for (const [key, pattern] of PATTERNS) {
      const match = pattern.exec(issue);
      if (match) return t(key, { expected: match.groups?.expected ?? "", seen: match.groups?.seen ?? "" });
    }
    return issue;
  };
}
