// What is asked of Explain? The same question as a URL, as arguments of the API, and as a command.

export type Question = {
  from: string;
  to: string[];
  authenticatedAs?: string;
  clientIp?: string;
  listener?: string;
  size?: number;
  headers: string[];
  retryNum?: number;
  lastError?: string;
  revision?: number;
};

/** Recipients in one question at most. */
export const RECIPIENTS_MAX = 20;

export function questionOf(search: URLSearchParams): Question {
  const number = (key: string) => {
    const value = Number.parseInt(search.get(key) ?? "", 10);
    return Number.isFinite(value) && value >= 0 ? value : undefined;
  };
  const text = (key: string) => search.get(key)?.trim() || undefined;
  return {
    from: search.get("from")?.trim() ?? "",
    to: search.getAll("to").flatMap(recipientsOf).slice(0, RECIPIENTS_MAX),
    authenticatedAs: text("as"),
    clientIp: text("ip"),
    listener: text("listener"),
    size: number("size"),
    headers: search.getAll("header").filter((line) => line.trim() !== ""),
    retryNum: number("retry"),
    lastError: text("error"),
    revision: number("revision"),
  };
}

export function searchOf(question: Question): URLSearchParams {
  const search = new URLSearchParams();
  const put = (key: string, value: string | number | undefined) => {
    if (value !== undefined && value !== "") search.append(key, String(value));
  };
  put("from", question.from);
  for (const to of question.to) put("to", to);
  put("as", question.authenticatedAs);
  put("ip", question.clientIp);
  put("listener", question.listener);
  put("size", question.size);
  for (const header of question.headers) put("header", header);
  put("retry", question.retryNum);
  put("error", question.lastError);
  put("revision", question.revision);
  return search;
}

/** The arguments of `x:Explanation/get`. */
export function argumentsOf(question: Question): Record<string, unknown> {
  const wanted: Record<string, unknown> = {
    from: question.from === "<>" ? "" : question.from,
    to: question.to,
  };
  const optional = { ...question, from: undefined, to: undefined, headers: undefined };
  for (const [key, value] of Object.entries(optional)) if (value !== undefined) wanted[key] = value;
  if (question.headers.length > 0) wanted.header = question.headers;
  return wanted;
}

/** The command that asks the same. */
export function commandOf(question: Question): string {
  const words = ["waypost route explain", `--from ${quoted(question.from === "" ? "<>" : question.from)}`];
  for (const to of question.to) words.push(`--to ${quoted(to)}`);
  if (question.authenticatedAs) words.push(`--auth ${quoted(question.authenticatedAs)}`);
  if (question.clientIp) words.push(`--source-ip ${quoted(question.clientIp)}`);
  if (question.listener) words.push(`--listener ${quoted(question.listener)}`);
  if (question.size !== undefined) words.push(`--size ${question.size}`);
  for (const header of question.headers) words.push(`--header ${quoted(header)}`);
  if (question.retryNum !== undefined) words.push(`--retry-num ${question.retryNum}`);
  if (question.lastError) words.push(`--last-error ${quoted(question.lastError)}`);
  return words.join(" ");
}

/** A word for a shell; what could mean something to it stands in single quotes. */
export function quoted(text: string): string {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** The recipients in what a person typed, apart by commas, spaces or lines. */
export function recipientsOf(typed: string): string[] {
  return typed.split(/[\s,;]+/).filter((word) => word !== "");
}
