// What in a text that a stranger wrote could mislead the eye? Says each such character by its code.

/** A run of a text: as it is, or one character that must be named because it cannot be seen or moves others. */
export type Piece = { readonly text: string; readonly mark?: string };

/** UTF-16 units of a text that are shown unless the reader asks for more. */
export const SHOWN_MAX = 2_000;

const NAMES = new Map<number, string>([
  [0x00, "null"],
  [0x07, "bell"],
  [0x08, "backspace"],
  [0x09, "tab"],
  [0x0a, "line feed"],
  [0x0d, "carriage return"],
  [0x1b, "escape"],
  [0x7f, "delete"],
  [0xa0, "no-break space"],
  [0xad, "soft hyphen"],
  [0x34f, "combining grapheme joiner"],
  [0x61c, "Arabic letter mark"],
  [0x115f, "Hangul filler"],
  [0x1160, "Hangul filler"],
  [0x180e, "Mongolian vowel separator"],
  [0x200b, "zero width space"],
  [0x200c, "zero width non-joiner"],
  [0x200d, "zero width joiner"],
  [0x200e, "left-to-right mark"],
  [0x200f, "right-to-left mark"],
  [0x2028, "line separator"],
  [0x2029, "paragraph separator"],
  [0x202a, "left-to-right embedding"],
  [0x202b, "right-to-left embedding"],
  [0x202c, "pop directional formatting"],
  [0x202d, "left-to-right override"],
  [0x202e, "right-to-left override"],
  [0x2060, "word joiner"],
  [0x2066, "left-to-right isolate"],
  [0x2067, "right-to-left isolate"],
  [0x2068, "first strong isolate"],
  [0x2069, "pop directional isolate"],
  [0x3164, "Hangul filler"],
  [0xfeff, "zero width no-break space"],
  [0xffa0, "Hangul filler"],
  [0xfffd, "replacement character"],
]);

/** Controls, formats (bidi, zero width, tags), separators, lone surrogates, fillers, spaces that are not a space. */
const MISLEADING =
  /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}\p{Cn}\u115F\u1160\u17B4\u17B5\u3164\uFFA0]|(?! )\p{Zs}/u;

/** Marks without a form of their own, which stand behind a letter: joiner and variation selectors. */
const SELECTOR = /\u034F|[\uFE00-\uFE0E]|[\u{E0100}-\u{E01EF}]/u;

/** Combining marks that stand on one letter at most; more than this hide the lines around. */
const STACK_MAX = 2;

/** The pieces of a text; a line feed and a tab stay as they are where there may be several lines. */
export function pieces(text: string, lines: "one" | "many" = "one"): Piece[] {
  const found: Piece[] = [];
  let plain = "";
  let stacked = 0;
  const flush = () => {
    if (plain !== "") found.push({ text: plain });
    plain = "";
  };
  for (const character of text) {
    stacked = /\p{M}/u.test(character) ? stacked + 1 : 0;
    const kept = lines === "many" && (character === "\n" || character === "\t");
    if (kept || (stacked <= STACK_MAX && !MISLEADING.test(character) && !SELECTOR.test(character))) {
      plain += character;
      continue;
    }
    flush();
    found.push({ text: codeOf(character), mark: nameOf(character) });
  }
  flush();
  return found;
}

/** The same as plain text, for titles and places where nothing can be styled. */
export function revealed(text: string): string {
  return pieces(text)
    .map((piece) => (piece.mark === undefined ? piece.text : `[${piece.text}]`))
    .join("");
}

/** The beginning of a text, cut between characters, and how many UTF-16 units are left out. */
export function beginning(text: string, shown = SHOWN_MAX): { text: string; left: number } {
  if (text.length <= shown) return { text, left: 0 };
  const splits = /[\uD800-\uDBFF]/.test(text[shown - 1] ?? "");
  const end = splits ? shown - 1 : shown;
  return { text: text.slice(0, end), left: text.length - end };
}

function codeOf(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  return `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
}

function nameOf(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  const name = NAMES.get(code);
  if (name !== undefined) return name;
  if (code >= 0xe0000 && code <= 0xe007f) return "tag character";
  if (/\p{M}/u.test(character)) return "combining mark";
  if (/\p{Zs}/u.test(character)) return "unusual space";
  if (/\p{Cs}/u.test(character)) return "half of a surrogate pair";
  if (/\p{Co}/u.test(character)) return "private use character";
  if (/\p{Cn}/u.test(character)) return "unassigned character";
  return "control character";
}
