// The shapes in which the server tells what happens to mail.

/** Points in time are RFC 3339 texts. */
export type At = string;

export type ServerResponse = {
  responseHostname?: string | null;
  responseCode?: number | null;
  responseEnhanced?: string | null;
  responseMessage?: string | null;
};

export type RecipientStatus =
  | { "@type": "Scheduled" }
  | ({ "@type": "Completed" } & ServerResponse)
  | ({ "@type": "TemporaryFailure" | "PermanentFailure" } & ServerResponse & {
        errorType?: string | null;
        errorMessage?: string | null;
        errorCommand?: string | null;
      });

export type QueuedRecipient = {
  retryCount: number;
  retryDue: At | null;
  notifyCount?: number;
  notifyDue?: At | null;
  expires: { "@type": "Ttl"; expiresAt: At } | { "@type": "Attempts"; expiresAttempts: number } | null;
  queueName: string | null;
  status: RecipientStatus;
  flags?: Record<string, true>;
  orcpt?: string | null;
  held: { by: string; at: At; reason: string | null } | null;
  route: string | null;
  reason: string | null;
  nextHop: string | null;
  override: string | null;
  inDoubt: boolean;
  cause: string | null;
  why: string;
};

export type QueuedMessage = {
  id: string;
  createdAt: At;
  nextRetry: At | null;
  nextNotify: At | null;
  returnPath: string;
  recipients: Record<string, QueuedRecipient>;
  receivedFromIp: string | null;
  receivedViaPort: number | null;
  flags: Record<string, true>;
  envId: string | null;
  priority: number;
  size: number;
  blobId: string;
};

export type QueueCause = {
  id: string;
  sentence: string;
  kind: string;
  route: string | null;
  nextHop: string | null;
  recipients: number;
  messages: number;
  since: At | null;
  nextTrial: At | null;
  oldest: At | null;
  samples: string[];
};

export type QueueAction = "retry" | "reschedule" | "hold" | "release" | "reroute" | "cancel" | "destroy";

export type QueueJob = {
  id: string;
  action?: QueueAction;
  state: "running" | "done" | "failed" | "undone" | string;
  done: number;
  total: number;
  failed: number;
  startedAt: At;
  by: string;
  undoUntil?: At | null;
};

export type Preview = { count: number; recipients: number; sample: unknown[] };

export type DialogueLine = { at?: At | null; side: string; line: string };

export type Attempt = {
  at: At;
  outcome: string;
  route: string | null;
  reason: unknown;
  nextHop: string | null;
  host: string | null;
  address: string | null;
  tls: unknown;
  tlsPolicy: unknown;
  durationMs: number | null;
  reply: string | null;
  dialogue: DialogueLine[];
  nextAttempt: At | null;
  revision: number | null;
  trouble?: string | null;
  status?: string | null;
  reused?: boolean;
  duplicateRisk?: boolean;
};

/** What was done about a message besides attempts: held, released, cancelled, rescheduled, rerouted, bounced. */
export type HistoryEvent = {
  event: string;
  at: At;
  by?: string | null;
  reason?: string | null;
  to?: string | null;
};

export type HistoryRecipient = {
  address: string;
  state: string;
  attempts: Attempt[];
  events?: HistoryEvent[];
};

export type HistoryMessage = {
  id: string;
  acceptedAt: At;
  reversePath: string;
  size: number;
  origin: unknown;
  recipients: HistoryRecipient[];
  events?: HistoryEvent[];
};
