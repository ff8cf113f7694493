// The lines of the paper, in mm.

import type { Page } from "./layout";
import type { Paper } from "./settings";

export interface Rule {
  x1: number;
  y1: number;
  x2: number;
  y2: number;
  color: string;
  /** mm */
  width: number;
}

export const SHEET_COLOR = "#fffefb";
const LINE = "#a9bfdc";
const MARGIN_LINE = "#e2a3a3";

/** Lined paper has a line under each line of writing; squared paper has two squares to a line, so that words stand on it. */
export function rulesOf(paper: Paper, page: Page): Rule[] {
  const { width, height, margin } = page.size;
  const [first, second] = page.baselines;
  if (paper === "plain" || first === undefined) return [];
  const step = second === undefined ? height : second - first;
  const rule = (x1: number, y1: number, x2: number, y2: number, color: string): Rule => ({
    x1, y1, x2, y2, color, width: 0.18,
  }); // prettier-ignore
  if (paper === "lined") {
    const lines: Rule[] = [];
    for (let y = first; y < height - margin / 2; y += step) lines.push(rule(0, y, width, y, LINE));
    return [...lines, rule(margin - 5, 0, margin - 5, height, MARGIN_LINE)];
  }
  const square = step / 2;
  const rules: Rule[] = [];
  for (let y = first % square; y < height; y += square) rules.push(rule(0, y, width, y, LINE));
  for (let x = (margin - 4) % square; x < width; x += square) rules.push(rule(x, 0, x, height, LINE));
  return rules;
}
