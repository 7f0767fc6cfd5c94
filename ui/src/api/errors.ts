// What can go wrong with a question to the server, and what a person can do about it.

/** A SetError of RFC 8620 section 5.3 with the members that Waypost adds. */
export interface SetError {
  type: string;
  description?: string | null;
  properties?: string[];
  existingId?: string;
  objectId?: { object: string; id: string };
  linkedObjects?: { object: string; id: string; name?: string }[];
  validationErrors?: ValidationError[];
}

export interface ValidationError {
  type: string;
  property: string;
  value?: unknown;
  required?: unknown;
  message?: string;
  description?: string;
  hint?: string;
}

/** What a problem is about: it decides what the person is told to do. */
export type ProblemKind = "offline" | "login" | "forbidden" | "method" | "request" | "server" | "set";

/** A question that was not answered. `message` says what happened, `advice` what to do. */
export class Problem extends Error {
  readonly kind: ProblemKind;
  readonly type: string;
  readonly advice: string | null;
  /** What else the server said, such as the findings of settings that it refuses. */
  details: Record<string, unknown> | undefined;

  constructor(kind: ProblemKind, type: string, message: string, advice: string | null = null) {
    super(message);
    this.name = "Problem";
    this.kind = kind;
    this.type = type;
    this.advice = advice;
  }
}

/** The server did not answer at all. */
export function offline(cause: unknown): Problem {
  const detail = cause instanceof Error ? cause.message : String(cause);
  return new Problem(
    "offline",
    "offline",
    "The server does not answer.",
    `Is it running, and can this browser reach it? The pages go on by themselves when it answers again. (${detail})`,
  );
}

const METHOD_ADVICE: Record<string, string> = {
  forbidden: "Your role does not reach so far. Ask an administrator to do it, or to give you the role.",
  stateMismatch: "Somebody else has changed the settings meanwhile. Look at what changed, then save again.",
  unknownMethod: "This server is older or newer than this page. Reload the page.",
  serverUnavailable: "The server is busy or shutting down. Try again in a moment.",
  serverFail: "This is a fault of the server. Its log says more; please report it.",
  requestTooLarge: "Choose fewer objects, or a narrower filter.",
};

/** An `error` response to one method call (RFC 8620 section 3.6.2). */
export function methodProblem(
  method: string,
  error: { type?: string; description?: string | null },
): Problem {
  const type = error.type ?? "serverFail";
  const kind = type === "forbidden" ? "forbidden" : "method";
  const problem = new Problem(
    kind,
    type,
    error.description ?? `${method}: ${type}`,
    METHOD_ADVICE[type] ?? null,
  );
  problem.details = error as Record<string, unknown>;
  return problem;
}

/** A whole request that was refused: a problem document (RFC 7807), or something else that is no answer. */
export function requestProblem(status: number, body: unknown): Problem {
  const document = (typeof body === "object" && body !== null ? body : {}) as Record<string, unknown>;
  const text = (key: string) => (typeof document[key] === "string" ? (document[key] as string) : null);
  const message = text("detail") ?? text("description") ?? text("title") ?? `The server answered ${status}.`;
  if (status === 401) return new Problem("login", "login", "You are no longer logged in.", "Log in again.");
  if (status === 403) {
    return new Problem("forbidden", text("type") ?? "forbidden", message, METHOD_ADVICE.forbidden ?? null);
  }
  if (status === 429) {
    return new Problem("request", "slowed", message, "Too many attempts. Wait a little, then try again.");
  }
  if (status >= 500) {
    return new Problem("server", `${status}`, message, "The server's log says more. Try again in a moment.");
  }
  return new Problem("request", text("type") ?? `${status}`, message);
}

/** Any thrown value as a problem. */
export function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  return new Problem(
    "server",
    "bug",
    error instanceof Error ? error.message : String(error),
    "This is a fault of the page. Reload it; if it comes back, please report it.",
  );
}

const SET_WORDS: Record<string, string> = {
  primaryKeyViolation: "Another object already has this name.",
  invalidForeignKey: "It refers to an object that does not exist.",
  objectIsLinked: "Others still refer to it.",
  notFound: "It is no longer there.",
  singleton: "There is exactly one of these; it can neither be made nor removed.",
  willDestroy: "It is being removed by the same change.",
  tooLarge: "It is too large.",
  overQuota: "There are too many of these.",
  invalidPatch: "The change does not fit the object.",
};

/** A SetError in one sentence. */
export function setErrorText(error: SetError): string {
  return error.description ?? SET_WORDS[error.type] ?? `The server refused it: ${error.type}.`;
}
