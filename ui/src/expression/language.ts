// How is the expression language coloured? Only that; what it means, the server says.
import { HighlightStyle, StreamLanguage, syntaxHighlighting } from "@codemirror/language";
import { tags } from "@lezer/highlight";

const WORDS = /^(in|true|false)\b/;

const language = StreamLanguage.define<null>({
  name: "waypost",
  startState: () => null,
  token(stream) {
    if (stream.eatSpace()) return null;
    const next = stream.peek();
    if (next === "'" || next === '"') {
      stream.next();
      stream.skipTo(next) ? stream.next() : stream.skipToEnd();
      return "string";
    }
    if (stream.match(/^\d+(\.\d+)?(ms|s|m|h|d)?\b/)) return "number";
    if (stream.match(WORDS)) return "keyword";
    if (stream.match(/^[A-Za-z_]\w*(?=\s*\()/)) return "function";
    if (stream.match(/^[A-Za-z_]\w*/)) return "variableName";
    if (stream.match(/^\$\d+/)) return "variableName";
    if (stream.match(/^(&&|\|\||[=!<>]=?|[-+*/%^!])/)) return "operator";
    stream.next();
    return null;
  },
  tokenTable: { function: tags.function(tags.variableName) },
});

const colours = HighlightStyle.define([
  { tag: tags.string, color: "var(--code-string)" },
  { tag: tags.number, color: "var(--code-number)" },
  { tag: tags.keyword, color: "var(--code-word)" },
  { tag: tags.operator, color: "var(--code-word)" },
  { tag: tags.function(tags.variableName), color: "var(--code-function)" },
]);

export const colouring = [language, syntaxHighlighting(colours)];
