// How is a change of settings sent, and what came of it?
import type { Problem, SetError } from "@/api/errors";
import { call } from "@/api/jmap";
import { type Fault, faultsOf, pathOf } from "@/forms/faults";
import type { Json } from "@/forms/schema";

/** What a person says beside the change itself. */
export interface Wishes {
  comment?: string;
  /** Milliseconds after which it goes back by itself unless confirmed. */
  confirmWithin?: number | null;
}

export interface Sentence {
  object: string;
  id: string;
  name: string;
  property: string;
  sentence: string;
}

/** One thing that is wrong or risky. */
export interface Remark {
  severity?: string;
  /** Such as `MtaRoute relay`. */
  object?: string;
  /** As a path with points; empty if it is the object as a whole. */
  property?: string;
  message?: string;
  hint?: string | null;
}

/** The answer to `set`. */
export interface SetAnswer {
  state?: string;
  newState?: string;
  revision?: number;
  confirmBy?: string | null;
  differences?: Sentence[];
  warnings?: Remark[];
  created?: Record<string, { id: string; [more: string]: unknown }>;
  updated?: Record<string, unknown>;
  destroyed?: string[];
  notCreated?: Record<string, SetError>;
  notUpdated?: Record<string, SetError>;
  notDestroyed?: Record<string, SetError>;
}

export interface Change {
  create?: Record<string, { [name: string]: Json }>;
  update?: Record<string, { [name: string]: Json }>;
  destroy?: string[];
}

/** Sends a change of objects of one type. `state` is the one that the person has seen. */
export function send(type: string, change: Change, wishes: Wishes, state?: string | null, dryRun = false) {
  return call<SetAnswer>(`x:${type}/set`, {
    ...change,
    ...(state ? { ifInState: state } : {}),
    ...(wishes.comment ? { comment: wishes.comment } : {}),
    ...(wishes.confirmWithin ? { confirmWithin: wishes.confirmWithin } : {}),
    ...(dryRun ? { dryRun: true } : {}),
  });
}

/** Why one object was refused, or nothing. */
export function refusal(answer: SetAnswer): SetError | null {
  for (const errors of [answer.notCreated, answer.notUpdated, answer.notDestroyed]) {
    const first = Object.values(errors ?? {})[0];
    if (first) return first;
  }
  return null;
}

/** The faults of a SetError at the fields of an object. */
export function faults(error: SetError): Fault[] {
  return faultsOf(error);
}

/** The findings of settings that were refused as a whole, with those of this object at their fields. */
export function findings(problem: Problem, type: string, name: string): Fault[] {
  const remarks = ((problem.details as { findings?: Remark[] } | undefined)?.findings ?? []).filter(
    ({ severity }) => severity !== "warning",
  );
  if (remarks.length === 0)
    return [{ path: [], message: problem.message, hint: problem.advice ?? undefined }];
  return remarks.map((remark) => {
    const mine = remark.object === type || remark.object === `${type} ${name}`;
    const about = mine ? "" : `${[remark.object, remark.property].filter(Boolean).join(" ")}: `;
    return {
      path: mine ? pathOf(remark.property ?? "") : [],
      message: `${about}${remark.message ?? "is not possible"}`,
      ...(remark.hint ? { hint: remark.hint } : {}),
    };
  });
}
