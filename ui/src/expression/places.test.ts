// Places in expressions with more than ASCII.
import { describe, expect, it } from "vitest";
import { bytesAt, positionAt } from "./places";

describe("places", () => {
  const text = "rcpt == 'jürgen@x😀.example' && sise";

  it("go to the server as bytes and come back as positions", () => {
    for (const word of ["rcpt", "gen", ".example", "sise"]) {
      const position = text.indexOf(word);
      const bytes = bytesAt(text, position);
      expect(bytes).toBe(Buffer.from(text.slice(0, position)).length);
      expect(positionAt(text, bytes)).toBe(position);
    }
    expect(bytesAt(text, text.indexOf("sise"))).toBe(text.indexOf("sise") + 3);
  });

  it("stay within the text and between characters", () => {
    expect(positionAt("ü😀", 1)).toBe(0);
    expect(positionAt("ü😀", 4)).toBe(1);
    expect(positionAt("ü😀", 99)).toBe(3);
    expect(positionAt("", 3)).toBe(0);
  });
});
