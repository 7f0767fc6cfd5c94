// What may be done to queued mail? Each action with its words, and what it must be told.

import type { QueueAction } from "@/mail/types";

export type ActionInfo = {
  action: QueueAction;
  /** On the button, before the count. */
  verb: string;
  /** What it does, in one sentence. */
  says: string;
  /** What the dialog asks. */
  asks: ("at" | "route" | "notify" | "reason")[];
  key?: string;
  danger?: boolean;
};

export const ACTIONS: readonly ActionInfo[] = [
  { action: "retry", verb: "Retry", says: "Tried at once, whatever the schedule says.", asks: [], key: "r" },
  {
    action: "reschedule",
    verb: "Reschedule",
    says: "Not tried before the time that you say.",
    asks: ["at"],
  },
  {
    action: "hold",
    verb: "Hold",
    says: "Not tried, and does not expire, until it is released.",
    asks: ["reason"],
    key: "h",
  },
  { action: "release", verb: "Release", says: "What was held is tried at once.", asks: [] },
  {
    action: "reroute",
    verb: "Reroute",
    says: "Takes this route from now on, whatever the strategy says.",
    asks: ["route"],
  },
  {
    action: "cancel",
    verb: "Cancel",
    says: "Given up. The senders are told, if you want.",
    asks: ["notify", "reason"],
    danger: true,
  },
  {
    action: "destroy",
    verb: "Delete",
    says: "Removed from the queue. Nobody is told.",
    asks: ["reason"],
    danger: true,
  },
];

export type Choices = { at?: string; route?: string | null; notify?: boolean; reason?: string };

/** The object that `x:QueueJob/set` creates. */
export function jobOf(
  info: ActionInfo,
  named: Record<string, unknown>,
  choices: Choices,
): Record<string, unknown> {
  const job: Record<string, unknown> = { action: info.action, ...named };
  for (const asked of info.asks) {
    const value = choices[asked];
    if (value !== undefined && value !== "") job[asked] = value;
  }
  return job;
}

/** What is still missing before it may be done. */
export function missing(info: ActionInfo, choices: Choices): string | null {
  if (info.asks.includes("at")) {
    if (!choices.at) return "Say when.";
    if (Number.isNaN(Date.parse(choices.at))) return "This is no time.";
  }
  if (info.asks.includes("route") && choices.route === undefined) return "Choose a route.";
  if (info.asks.includes("notify") && choices.notify === undefined)
    return "Say whether the senders are told.";
  return null;
}
