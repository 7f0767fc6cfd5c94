// The branch that chose the route, with the values that it saw then: `retry_num > 1 [retry_num = 2]`.

import { Foreign } from "@/foreign/Foreign";

export function Reason({ text }: { text: string }) {
  const { condition, values } = apart(text);
  return (
    <div className="decision-branch" data-fired="true">
      <code className="decision-code">
        <span className="decision-word">{condition === "else" ? "else" : "if"}</span>{" "}
        {condition === "else" ? "no branch fired" : <Foreign text={condition} />}
      </code>
      {values.length > 0 && (
        <div className="decision-values">
          {values.map((value, index) => (
            <div key={`${index}`}>
              <code>
                <Foreign text={value} max={400} />
              </code>
            </div>
          ))}
        </div>
      )}
    </div>
  );
}

/** The condition and its values; a comma within quotes or brackets does not end a value. */
export function apart(text: string): { condition: string; values: string[] } {
  const start = text.endsWith("]") ? opening(text) : -1;
  if (start < 0) return { condition: text, values: [] };
  const inner = text.slice(start + 1, -1);
  const values: string[] = [];
  let depth = 0;
  let quoted = false;
  let current = "";
  for (const character of inner) {
    if (character === "'") quoted = !quoted;
    else if (!quoted && "([{".includes(character)) depth += 1;
    else if (!quoted && ")]}".includes(character)) depth -= 1;
    if (character === "," && !quoted && depth === 0) {
      values.push(current.trim());
      current = "";
    } else current += character;
  }
  if (current.trim() !== "") values.push(current.trim());
  return { condition: text.slice(0, start).trim(), values };
}

/** Where the list of values begins: the first ` [` whose bracket ends the text. */
function opening(text: string): number {
  for (let start = text.indexOf(" ["); start >= 0; start = text.indexOf(" [", start + 1)) {
    if (text.slice(start).includes(" = ")) return start + 1;
  }
  return -1;
}
