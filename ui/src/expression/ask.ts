// What does the server say about an expression: is it right, and what could come next?
import { call } from "@/api/jmap";
import type { Json } from "@/forms/schema";

/** One finding: where it is and what to do about it. */
export interface Finding {
  /** Such as `match.1.if` or `else`; of several properties, without the property's name. */
  place: string;
  /** Bytes of UTF-8 before it. */
  start: number;
  end: number;
  message: string;
  hint?: string | null;
}

export interface Findings {
  errors: Finding[];
  warnings: Finding[];
}

export interface Completion {
  label: string;
  kind: string;
  detail?: string | null;
  help?: string | null;
}

/** Where an expression stands: `MtaOutboundStrategy`, `route`. */
export interface Home {
  object: string;
  property: string;
}

/** Checks a whole property: its branches and its else. */
export function check(home: Home, value: Json): Promise<Findings> {
  return call<Findings>("x:Expression/check", { ...home, value }).then((answer) => ({
    errors: (answer.errors ?? []).map(normal),
    warnings: (answer.warnings ?? []).map(normal),
  }));
}

/** A place without the name of the property before it, with points. */
function normal(finding: Finding): Finding {
  const place = finding.place.replaceAll("/", ".");
  const from = place.search(/(^|\.)(match|else)(\.|$)/);
  return { ...finding, place: from < 0 ? place : place.slice(from).replace(/^\./, "") };
}

/** What could stand at the cursor, which is a number of bytes as `from` is. */
export function complete(home: Home, text: string, cursor: number) {
  return call<{ from: number; items: Completion[] }>("x:Expression/complete", { ...home, text, cursor });
}
