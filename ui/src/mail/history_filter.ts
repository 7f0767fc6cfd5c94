// Which of what happened is looked at? The same answer as a URL and as a filter of the API.

export type HistoryView = {
  text?: string;
  from?: string;
  to?: string;
  outcome?: string;
  route?: string;
  since?: string;
  until?: string;
};

export const OUTCOMES = ["delivered", "deferred", "failed", "queued"] as const;

const MEMBERS = ["text", "from", "to", "outcome", "route", "since", "until"] as const;

/** Spans that can be asked for by name, in milliseconds. */
export const SPANS: Record<string, number> = {
  "1h": 3_600_000,
  "6h": 21_600_000,
  "24h": 86_400_000,
  "7d": 604_800_000,
};

export function viewOf(search: URLSearchParams): HistoryView {
  const view: HistoryView = {};
  for (const member of MEMBERS) {
    const value = search.get(member)?.trim();
    if (value) view[member] = value;
  }
  return view;
}

export function searchOf(view: HistoryView): URLSearchParams {
  const search = new URLSearchParams();
  for (const member of MEMBERS) {
    const value = view[member];
    if (value) search.set(member, value);
  }
  return search;
}

/** The filter of `x:MessageHistory/query`. A span such as `24h` ends now. */
export function filterOf(view: HistoryView, now: Date): Record<string, unknown> {
  const filter: Record<string, unknown> = {};
  for (const member of ["text", "from", "to", "outcome", "route"] as const) {
    if (view[member]) filter[member] = view[member];
  }
  const since = view.since && momentOf(view.since, now);
  const until = view.until && momentOf(view.until, now);
  if (since) filter.since = since;
  if (until) filter.until = until;
  return filter;
}

/** A span before now, or a point in time; nothing if it is neither. */
export function momentOf(text: string, now: Date): string | undefined {
  const span = SPANS[text];
  // To the minute, so that the question stays the same while the page is looked at.
  if (span !== undefined) return new Date(Math.floor((now.getTime() - span) / 60_000) * 60_000).toISOString();
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : new Date(at).toISOString();
}
