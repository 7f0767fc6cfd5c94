// What is known of each recipient, from the queue and from the history together?

import type { Attempt, HistoryMessage, QueuedMessage, QueuedRecipient } from "@/mail/types";

export type KnownRecipient = {
  address: string;
  /** In the words of the history, or of the queue if the history does not know. */
  state: string;
  queued: QueuedRecipient | undefined;
  /** Newest first. */
  attempts: Attempt[];
};

export function merged(now: QueuedMessage | undefined, past: HistoryMessage | undefined): KnownRecipient[] {
  const known = new Map<string, KnownRecipient>();
  for (const recipient of past?.recipients ?? []) {
    const attempts = [...recipient.attempts].sort((a, b) => Date.parse(b.at) - Date.parse(a.at));
    known.set(recipient.address, {
      address: recipient.address,
      state: recipient.state,
      queued: undefined,
      attempts,
    });
  }
  for (const [address, queued] of Object.entries(now?.recipients ?? {})) {
    const before = known.get(address);
    known.set(address, {
      address,
      state: stateOf(queued),
      queued,
      attempts: before?.attempts ?? [],
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
