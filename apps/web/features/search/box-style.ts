const percent = (part: number, whole: number) =>
  `${(Math.max(0, Math.min(1, part / whole)) * 100).toFixed(3)}%`;

/** Place a box given in the photo's pixels over the photo, whatever size it is shown at. */
export function toBoxStyle(
  [x0, y0, x1, y1]: readonly number[] & { 0: number; 1: number; 2: number; 3: number },
  size: { width_px: number; height_px: number },
) {
  return {
    left: percent(x0, size.width_px),
    top: percent(y0, size.height_px),
    width: percent(x1 - x0, size.width_px),
    height: percent(y1 - y0, size.height_px),
  };
}
