// Which branches of the strategy name a route, and where does it lead, in a few words?
import type { Item } from "@/api/hooks";
import { named } from "@/expression/names";
import { expressionOf } from "@/expression/value";
import { isObject, type Json, numbered } from "@/forms/schema";

/** The branches that name it: `branch 2`, `else`. */
export function usedBy(expression: unknown, name: string): string[] {
  const json = expression as Json | undefined;
  if (json === undefined || json === null) return [];
  const normal = isObject(json) ? { ...json, match: numbered(json.match ?? []) } : json;
  const { match, else: otherwise } = expressionOf(normal);
  const branches = match.flatMap((branch, place) =>
    named([branch.then]).includes(name) ? [`branch ${place + 1}`] : [],
  );
  return named([otherwise]).includes(name) ? [...branches, match.length > 0 ? "else" : "all mail"] : branches;
}

/** Where a route leads. */
export function summary(route: Item): string {
  if (route["@type"] === "Local") return "mailboxes here";
  if (route["@type"] === "Mx") return "the MX hosts of the recipient's domain";
  if (route.socket) return `${route.socket} (${route.protocol})`;
  const more = numbered((route.addresses ?? []) as Json).length;
  const rest = more > 0 ? ` and ${more} more` : "";
  const secure = route.implicitTls ? ", TLS" : "";
  const protocol = route.protocol === "lmtp" ? ", LMTP" : "";
  return `${route.address ?? "nowhere yet"}:${route.port ?? ""}${rest}${protocol}${secure}`;
}
