// How is a point in time said? Beside the present, and in full with its zone.

const UNITS: readonly (readonly [string, number])[] = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["min", 60_000],
  ["s", 1_000],
];

/** A span in its two largest units: `3 min 20 s`, `2 d 4 h`. */
export function span(milliseconds: number): string {
  let rest = Math.max(0, Math.round(milliseconds / 1_000) * 1_000);
  if (rest === 0) return milliseconds > 0 ? `${Math.round(milliseconds)} ms` : "0 s";
  const said: string[] = [];
  for (const [name, size] of UNITS) {
    const count = Math.floor(rest / size);
    if (count === 0 && said.length === 0) continue;
    if (count > 0) said.push(`${count} ${name}`);
    rest -= count * size;
    if (said.length === 2 || (said.length === 1 && size >= 86_400_000 * 7)) break;
    if (said.length === 1 && count === 0) break;
  }
  return said.join(" ");
}

/** A point in time beside the present: `in 3 min 20 s`, `2 h 4 min ago`, `now`. */
export function relative(at: Date, now: Date): string {
  const difference = at.getTime() - now.getTime();
  if (Math.abs(difference) < 1_000) return "now";
  return difference > 0 ? `in ${span(difference)}` : `${span(-difference)} ago`;
}

/** A point in time in full, in the zone of the reader, which is said: `2026-11-24 15:04:05 UTC+01:00`. */
export function absolute(at: Date): string {
  if (Number.isNaN(at.getTime())) return "never";
  const two = (value: number) => String(value).padStart(2, "0");
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  const time = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  return `${day} ${time} ${zone(at)}`;
}

/** The time of day, and the day if it is another one. */
export function clock(at: Date, now: Date): string {
  const full = absolute(at);
  const today = absolute(now).slice(0, 10);
  return full.startsWith(today) ? full.slice(11, 19) : full.slice(5, 16);
}

function zone(at: Date): string {
  const minutes = -at.getTimezoneOffset();
  if (minutes === 0) return "UTC";
  const sign = minutes > 0 ? "+" : "-";
  const two = (value: number) => String(Math.floor(Math.abs(value))).padStart(2, "0");
  return `UTC${sign}${two(minutes / 60)}:${two(Math.abs(minutes) % 60)}`;
}
