// How large is it? In the unit that keeps the number short.

const UNITS = ["B", "kB", "MB", "GB", "TB"] as const;

/** Bytes for people: `812 B`, `14 kB`, `2.3 MB`. */
export function bytes(count: number): string {
  let value = count;
  let unit = 0;
  while (value >= 1_000 && unit < UNITS.length - 1) {
    value /= 1_000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 10 ? 0 : 1;
  return `${value.toFixed(digits)} ${UNITS[unit] ?? "B"}`;
}
