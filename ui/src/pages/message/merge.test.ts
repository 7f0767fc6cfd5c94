import { describe, expect, it } from "vitest";
import type { Attempt, HistoryMessage, QueuedMessage, QueuedRecipient } from "@/mail/types";
import { merged } from "./merge";

const attempt = (at: string): Attempt => ({
  at,
  outcome: "deferred",
  route: "mx",
  reason: null,
  nextHop: null,
  host: null,
  address: null,
  tls: null,
  tlsPolicy: null,
  durationMs: 1,
  reply: "451 later",
  dialogue: [],
  nextAttempt: null,
  revision: 1,
});

const past = {
  recipients: [
    {
      address: "a@x.test",
      state: "deferred",
      attempts: [attempt("2026-01-01T00:00:00Z"), attempt("2026-01-02T00:00:00Z")],
    },
    { address: "b@x.test", state: "delivered", attempts: [] },
  ],
} as unknown as HistoryMessage;

const now = {
  recipients: {
    "a@x.test": {
      held: { by: "ann", at: "", reason: null },
      status: { "@type": "TemporaryFailure" },
    } as unknown as QueuedRecipient,
    "c@x.test": { held: null, status: { "@type": "Scheduled" } } as unknown as QueuedRecipient,
  },
} as unknown as QueuedMessage;

describe("what is known of recipients", () => {
  it("is what the queue says now, with the attempts that the history keeps, newest first", () => {
    const known = merged(now, past);
    expect(known.map(({ address, state }) => [address, state])).toEqual([
      ["a@x.test", "held"],
      ["b@x.test", "delivered"],
      ["c@x.test", "queued"],
    ]);
    expect(known[0]?.attempts.map((one) => one.at)).toEqual(["2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z"]);
  });

  it("is what one of them says if the other is silent", () => {
    expect(merged(undefined, past)).toHaveLength(2);
    expect(merged(now, undefined)).toHaveLength(2);
    expect(merged(undefined, undefined)).toEqual([]);
  });
});
