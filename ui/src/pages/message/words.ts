// What the server says about TLS, whether as a sentence or as members, in one line.

/** Undefined if there is nothing to say. */
export function described(value: unknown): string | undefined {
  if (value === null || value === undefined || value === "") return undefined;
  if (typeof value === "string" || typeof value === "number") return String(value);
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (Array.isArray(value)) return value.map(described).filter(Boolean).join(", ") || undefined;
  const said = Object.entries(value as Record<string, unknown>)
    .filter(([key, member]) => !key.startsWith("@") && described(member) !== undefined)
    .map(([key, member]) => (typeof member === "string" ? member : `${spaced(key)} ${described(member)}`));
  return said.join(", ") || undefined;
}

function spaced(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}
