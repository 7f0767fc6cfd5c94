// What is an action to be done to? Some messages by id, or all that match a filter.

import { filterOf, isAll, type QueueView } from "@/mail/queue_filter";

export type Target =
  | { kind: "ids"; ids: string[] }
  /** `count` is what the list says now; the server counts again for the preview. */
  | { kind: "matching"; view: QueueView; count: number };

/** The part of `x:QueueJob/set` that names the target. */
export function named(target: Target): Record<string, unknown> {
  return target.kind === "ids" ? { ids: target.ids } : { filter: filterOf(target.view) };
}

/** How many messages it is, as far as the page knows. */
export function sizeOf(target: Target): number {
  return target.kind === "ids" ? target.ids.length : target.count;
}

/** The target in words: `3 messages`, `all 412 messages that match`, `the whole queue`. */
export function words(target: Target): string {
  const count = sizeOf(target).toLocaleString("en");
  const noun = sizeOf(target) === 1 ? "message" : "messages";
  if (target.kind === "ids") return `${count} ${noun}`;
  return isAll(target.view) ? `the whole queue: ${count} ${noun}` : `all ${count} ${noun} that match`;
}
