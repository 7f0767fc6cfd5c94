// What is known of each recipient, from the queue and from the history together?

import type { Attempt, HistoryEvent, HistoryMessage, QueuedMessage, QueuedRecipient } from "@/mail/types";

export type KnownRecipient = {
  address: string;
  /** In the words of the history, or of the queue if the history does not know. */
  state: string;
  queued: QueuedRecipient | undefined;
  /** Newest first. */
  attempts: Attempt[];
  /** What people did, and whom we told; newest first. */
  events: HistoryEvent[];
};

/** What is to be told of a recipient, newest first; `number` counts the attempts. */
export type Step = { attempt: Attempt; number: number } | { event: HistoryEvent };

/** Attempts and events as one timeline. */
export function steps(recipient: KnownRecipient): Step[] {
  const all: { at: number; step: Step }[] = recipient.attempts.map((attempt, index) => ({
    at: Date.parse(attempt.at),
    step: { attempt, number: recipient.attempts.length - index },
  }));
  all.push(...recipient.events.map((event) => ({ at: Date.parse(event.at), step: { event } })));
  return all.sort((a, b) => b.at - a.at).map((one) => one.step);
}

export function merged(now: QueuedMessage | undefined, past: HistoryMessage | undefined): KnownRecipient[] {
  const known = new Map<string, KnownRecipient>();
  const ofAll = past?.events ?? [];
  for (const recipient of past?.recipients ?? []) {
    const attempts = [...recipient.attempts].sort((a, b) => Date.parse(b.at) - Date.parse(a.at));
    known.set(recipient.address, {
      address: recipient.address,
      state: recipient.state,
      queued: undefined,
      attempts,
      events: [...(recipient.events ?? []), ...ofAll],
    });
  }
  for (const [address, queued] of Object.entries(now?.recipients ?? {})) {
    const before = known.get(address);
    known.set(address, {
      address,
      state: stateOf(queued),
      queued,
      attempts: before?.attempts ?? [],
      events: before?.events ?? ofAll,
    });
  }
  return [...known.values()];
}

function stateOf(queued: QueuedRecipient): string {
  if (queued.held) return "held";
  switch (queued.status["@type"]) {
    case "Scheduled":
      return "queued";
    case "TemporaryFailure":
      return "deferred";
    case "Completed":
      return "delivered";
    case "PermanentFailure":
      return "failed";
  }
}
