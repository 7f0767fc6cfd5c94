// How is the server asked? JMAP (RFC 8620) over one endpoint; calls made in the same moment share a request.
import { methodProblem, offline, Problem, requestProblem } from "./errors";

export type Arguments = Record<string, unknown>;

/** What the server is told with every request, so that a form on a strange page cannot ask in our name. */
export const HEADERS: Record<string, string> = { "X-Waypost": "ui" };

const USING = ["urn:ietf:params:jmap:core", "urn:stalwart:jmap", "urn:waypost:jmap"];

/** Calls in one request at most; the server's own limit is not below this. */
const CALLS_MAX = 16;

interface Waiting {
  method: string;
  args: Arguments;
  resolve: (value: unknown) => void;
  reject: (problem: Problem) => void;
}

type Listener = () => void;
const loggedOut = new Set<Listener>();

/** Calls `listener` whenever the server says that nobody is logged in. */
export function onLoggedOut(listener: Listener): () => void {
  loggedOut.add(listener);
  return () => loggedOut.delete(listener);
}

let queue: Waiting[] = [];

/** Asks one method, such as `x:MtaRoute/get`. Rejects with a `Problem`. */
export function call<T = unknown>(method: string, args: Arguments = {}): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    if (queue.length === 0) queueMicrotask(flush);
    queue.push({ method, args, resolve: resolve as (value: unknown) => void, reject });
  });
}

function flush() {
  const all = queue;
  queue = [];
  for (let at = 0; at < all.length; at += CALLS_MAX) void send(all.slice(at, at + CALLS_MAX));
}

async function send(batch: Waiting[]) {
  try {
    const body = {
      using: USING,
      methodCalls: batch.map((one, index) => [one.method, one.args, `c${index}`]),
    };
    const answer = (await request("POST", "/jmap", body)) as {
      methodResponses?: [string, unknown, string][];
    };
    settle(batch, answer.methodResponses ?? []);
  } catch (problem) {
    for (const one of batch) one.reject(problem as Problem);
  }
}

function settle(batch: Waiting[], responses: [string, unknown, string][]) {
  batch.forEach((one, index) => {
    const mine = responses.filter(([, , id]) => id === `c${index}`);
    const response = mine.find(([name]) => name === one.method || name === "error") ?? mine[0];
    if (!response) one.reject(new Problem("server", "noAnswer", `${one.method} was not answered.`));
    else if (response[0] === "error") one.reject(methodProblem(one.method, response[1] as { type?: string }));
    else one.resolve(response[1]);
  });
}

/** One HTTP request to the server; its JSON answer, or null. Rejects with a `Problem`. */
export async function request(method: "GET" | "POST", path: string, body?: unknown): Promise<unknown> {
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      credentials: "same-origin",
      headers: body === undefined ? HEADERS : { ...HEADERS, "Content-Type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (cause) {
    throw offline(cause);
  }
  const parsed = await answerOf(response);
  if (response.ok) return parsed;
  if (response.status === 401 && !path.startsWith("/auth/")) for (const listener of loggedOut) listener();
  throw requestProblem(response.status, parsed);
}

async function answerOf(response: Response): Promise<unknown> {
  const text = await response.text();
  try {
    return text === "" ? null : JSON.parse(text);
  } catch {
    return { detail: text.slice(0, 200) };
  }
}
