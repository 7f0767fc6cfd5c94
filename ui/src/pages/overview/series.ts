// Counts by step as lines over one time axis; a step of which nothing is said counts nothing.

import type { Line } from "./Chart";
import type { Statistics } from "./types";

const COLOURS: Record<string, Line["colour"]> = {
  accepted: { light: "#1c7ed6", dark: "#4dabf7" },
  delivered: { light: "#2b8a3e", dark: "#51cf66" },
  deferred: { light: "#e8590c", dark: "#ffa94d" },
  failed: { light: "#c92a2a", dark: "#ff6b6b" },
};

export const NAMES = ["accepted", "delivered", "deferred", "failed"] as const;

/** The lines from `since` to `until` (seconds), a point for each `step` (seconds). */
export function linesOf(
  statistics: Statistics | undefined,
  since: number,
  until: number,
  step: number,
): { times: number[]; lines: Line[] } {
  const first = Math.floor(since / step) * step;
  const count = Math.max(1, Math.floor((until - first) / step) + 1);
  const times = Array.from({ length: count }, (_, index) => first + index * step);
  const lines = NAMES.map((name) => {
    const values = new Array<number>(count).fill(0);
    for (const [at, number] of statistics?.series[name] ?? []) {
      const index = Math.floor((seconds(at) - first) / step);
      if (index >= 0 && index < count) values[index] = (values[index] ?? 0) + number;
    }
    return { name, colour: COLOURS[name] ?? { light: "#868e96", dark: "#adb5bd" }, values };
  });
  return { times, lines };
}

/** A point in time in seconds, from a text, from seconds, or from milliseconds. */
export function seconds(at: number | string): number {
  if (typeof at === "string") return Math.floor(Date.parse(at) / 1_000);
  return at > 100_000_000_000 ? Math.floor(at / 1_000) : at;
}

/** The sum of the first and of the second half of a line: is it more or less than before? */
export function halves(values: (number | null)[]): { before: number; after: number } {
  const middle = Math.floor(values.length / 2);
  const sum = (part: (number | null)[]) => part.reduce<number>((all, value) => all + (value ?? 0), 0);
  return { before: sum(values.slice(0, middle)), after: sum(values.slice(middle)) };
}
