// An expression property as a draft has it: branches in order, and what holds if none is true.
import { isObject, type Json } from "@/forms/schema";

export interface Branch {
  if: string;
  then: string;
}

export interface Expression {
  match: Branch[];
  else: string;
}

/** A draft's value, whatever it is, as an expression. */
export function expressionOf(value: Json): Expression {
  if (typeof value === "string") return { match: [], else: value };
  if (!isObject(value)) return { match: [], else: "" };
  const match = Array.isArray(value.match) ? value.match : [];
  return {
    match: match.map((branch) => ({
      if: isObject(branch) ? String(branch.if ?? "") : "",
      then: isObject(branch) ? String(branch.then ?? "") : "",
    })),
    else: String(value.else ?? ""),
  };
}

/** As a draft and the server have it. */
export function jsonOf({ match, else: otherwise }: Expression): Json {
  return { match: match.map((branch) => ({ if: branch.if, then: branch.then })), else: otherwise };
}
