// By what is this route chosen?
import { Text } from "@mantine/core";
import { Link } from "react-router";
import { expressionOf } from "@/expression/value";
import { isObject, type Json, numbered } from "@/forms/schema";
import { usedBy } from "./used";

export function UsedBy({ name, expression }: { name: string; expression: unknown }) {
  const uses = usedBy(expression, name);
  const json = (expression ?? null) as Json;
  const { match } = expressionOf(isObject(json) ? { ...json, match: numbered(json.match ?? []) } : json);
  return (
    <section className="panel" aria-label="Used by">
      <h2>Used by</h2>
      {uses.length === 0 ? (
        <Text size="sm" c="dimmed">
          No branch of the <Link to="/settings/strategy">strategy</Link> names it: no mail takes it, unless an
          expression computes the name.
        </Text>
      ) : (
        <ul className="sentences">
          {uses.map((use) => {
            const place = Number(use.replace("branch ", "")) - 1;
            const branch = match[place];
            return (
              <li key={use}>
                <Link to="/settings/strategy">{use}</Link>
                {branch && <code> if {branch.if}</code>}
              </li>
            );
          })}
        </ul>
      )}
    </section>
  );
}
