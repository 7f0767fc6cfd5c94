// Between a name in quotes, as an expression yields it, and the name.

/** The name that `'name'` yields; null if the text is anything else. */
export function literal(text: string): string | null {
  const found = text.trim().match(/^'([^'\\]*)'$/) ?? text.trim().match(/^"([^"\\]*)"$/);
  return found ? (found[1] ?? "") : null;
}

/** The expression that yields this name. */
export function quoted(name: string): string {
  return name.includes("'") ? `"${name}"` : `'${name}'`;
}

/** All names that the expression names in quotes, each once. */
export function named(texts: string[]): string[] {
  return [
    ...new Set(
      texts.flatMap((text) =>
        [...text.matchAll(/'([^']*)'|"([^"]*)"/g)].map((one) => one[1] ?? one[2] ?? ""),
      ),
    ),
  ];
}
