import { describe, expect, it } from "vitest";
import { beginning, pieces, revealed } from "./reveal";
import { mixture, stretches } from "./scripts";

describe("a stranger's text", () => {
  it.each([
    ["plain words, <b>tags</b> & {{braces}}", "plain words, <b>tags</b> & {{braces}}"],
    ["invoice\u202Efdp.exe", "invoice[U+202E]fdp.exe"],
    ["a\u200Bb\u200Dc\uFEFFd", "a[U+200B]b[U+200D]c[U+FEFF]d"],
    ["nul\0 bell\x07 esc\x1b[31m", "nul[U+0000] bell[U+0007] esc[U+001B][31m"],
    ["two\r\nlines", "two[U+000D][U+000A]lines"],
    ["half \uD800 pair", "half [U+D800] pair"],
    ["space\u00A0here\u3000there", "space[U+00A0]here[U+3000]there"],
    ["\u{E0041}tag", "[U+E0041]tag"],
    ["a\u115Fb\u3164c\uFFA0d", "a[U+115F]b[U+3164]c[U+FFA0]d"],
    ["grüße, 漢字, ελληνικά, 🎉", "grüße, 漢字, ελληνικά, 🎉"],
    ["e\u0301", "e\u0301"],
    ["z\u0300\u0301\u0302\u0303", "z\u0300\u0301[U+0302][U+0303]"],
    ["x\uFE01y\u{E0101}z\u034F", "x[U+FE01]y[U+E0101]z[U+034F]"],
  ])("says what cannot be seen: %j", (text, expected) => {
    expect(revealed(text)).toBe(expected);
  });

  it("keeps the lines where there may be several", () => {
    expect(pieces("a\n\tb\r", "many")).toEqual([
      { text: "a\n\tb" },
      { text: "U+000D", mark: "carriage return" },
    ]);
  });

  it("is cut between characters", () => {
    expect(beginning("abc", 3)).toEqual({ text: "abc", left: 0 });
    expect(beginning("abcdef", 3)).toEqual({ text: "abc", left: 3 });
    expect(beginning("ab🎉def", 3)).toEqual({ text: "ab", left: 5 });
  });
});

describe("an address", () => {
  it.each([
    ["ann@here.test", []],
    ["\u0430nn@here.test", ["Cyrillic", "Latin"]],
    ["\u0430\u0435\u043E@\u0440\u0443\u0441.\u0440\u0444", []],
    ["ann@p\u03B1ypal.test", ["Greek", "Latin"]],
    ["\uFF41nn@here.test", ["Latin", "lookalike"]],
    ["\u{1D41A}nn@here.test", ["Latin", "lookalike"]],
  ])("says which alphabets it mixes: %s", (address, expected) => {
    expect(mixture(address)).toEqual(expected);
  });

  it("marks letters of another alphabet than Latin", () => {
    expect(stretches("p\u0430\u0443@x.test")).toEqual([
      { text: "p" },
      { text: "\u0430\u0443", script: "Cyrillic" },
      { text: "@x.test" },
    ]);
  });
});
