// Which queued mail is looked at? The same answer as a URL, as a filter of the API, and in words.

/** What a person filters by; an absent member asks for nothing. */
export type QueueView = {
  text?: string;
  from?: string;
  to?: string;
  queue?: string;
  cause?: string;
  held?: "yes" | "no";
  expression?: string;
};

const KEYS = {
  text: "text",
  from: "from",
  to: "to",
  queue: "queue",
  cause: "cause",
  held: "held",
  expression: "if",
} as const;

/** Reads the view from the search part of a URL. */
export function viewOf(search: URLSearchParams): QueueView {
  const view: QueueView = {};
  for (const [member, key] of Object.entries(KEYS)) {
    const value = search.get(key)?.trim();
    if (value === undefined || value === "") continue;
    if (member === "held" && value !== "yes" && value !== "no") continue;
    Object.assign(view, { [member]: value });
  }
  return view;
}

/** Writes the view into the search part of a URL; what else stands there stays. */
export function searchOf(view: QueueView, others?: URLSearchParams): URLSearchParams {
  const search = new URLSearchParams(others);
  for (const [member, key] of Object.entries(KEYS)) {
    const value = view[member as keyof QueueView];
    if (value === undefined || value === "") search.delete(key);
    else search.set(key, value);
  }
  return search;
}

/** The filter of `x:QueuedMessage/query` and of `x:QueueJob/set`. */
export function filterOf(view: QueueView): Record<string, unknown> {
  const filter: Record<string, unknown> = {};
  if (view.text) filter.text = view.text;
  if (view.from) filter.returnPath = view.from;
  if (view.to) filter.to = view.to;
  if (view.queue) filter.queueName = view.queue;
  if (view.cause) filter.cause = view.cause;
  if (view.held) filter.held = view.held === "yes";
  if (view.expression) filter.expression = view.expression;
  return filter;
}

/** Whether it asks for all of the queue. */
export function isAll(view: QueueView): boolean {
  return Object.keys(filterOf(view)).length === 0;
}
