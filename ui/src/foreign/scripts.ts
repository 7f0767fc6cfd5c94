// Does an address mix alphabets, so that it looks like another? Says which letters are not what they seem.

/** A stretch of an address, and the alphabet if it is not the one of most of the address. */
export type Stretch = { readonly text: string; readonly script?: string };

const SCRIPTS: readonly (readonly [string, RegExp])[] = [
  ["Latin", /\p{Script=Latin}/u],
  ["Cyrillic", /\p{Script=Cyrillic}/u],
  ["Greek", /\p{Script=Greek}/u],
  ["Armenian", /\p{Script=Armenian}/u],
  ["Cherokee", /\p{Script=Cherokee}/u],
  ["Coptic", /\p{Script=Coptic}/u],
  ["Hebrew", /\p{Script=Hebrew}/u],
  ["Arabic", /\p{Script=Arabic}/u],
  ["Han", /\p{Script=Han}/u],
  ["Hiragana", /\p{Script=Hiragana}/u],
  ["Katakana", /\p{Script=Katakana}/u],
  ["Hangul", /\p{Script=Hangul}/u],
  ["Devanagari", /\p{Script=Devanagari}/u],
  ["Thai", /\p{Script=Thai}/u],
];

/** Letters of the Latin script that are not plain: fullwidth, mathematical, with hooks. */
const DRESSED =
  /[\uFF21-\uFF3A\uFF41-\uFF5A]|[\u{1D400}-\u{1D7FF}]|[\u0250-\u02AF\u1D00-\u1D7F\uA720-\uA7FF]/u;

/** The alphabet of a letter; nothing for digits and signs, which all alphabets share. */
export function scriptOf(character: string): string | undefined {
  if (DRESSED.test(character)) return "lookalike";
  for (const [name, pattern] of SCRIPTS) if (pattern.test(character)) return name;
  return /\p{L}/u.test(character) ? "another script" : undefined;
}

/** The stretches of an address; only those outside plain Latin carry an alphabet. */
export function stretches(address: string): Stretch[] {
  const found: { text: string; script?: string }[] = [];
  for (const character of address) {
    const script = scriptOf(character);
    const foreign = script === "Latin" ? undefined : script;
    const last = found.at(-1);
    if (last && last.script === foreign) last.text += character;
    else if (foreign === undefined) found.push({ text: character });
    else found.push({ text: character, script: foreign });
  }
  return found;
}

/** The alphabets beside each other in one address, if there are several. */
export function mixture(address: string): string[] {
  const scripts = new Set<string>();
  for (const character of address) {
    const script = scriptOf(character);
    if (script !== undefined) scripts.add(script);
  }
  return scripts.size > 1 ? [...scripts].sort() : [];
}
