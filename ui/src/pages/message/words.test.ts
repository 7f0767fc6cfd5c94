import { describe, expect, it } from "vitest";
import { apart } from "./Reason";
import { described } from "./words";

describe("a reason", () => {
  it.each([
    ["else", "else", []],
    ["retry_num > 1 [retry_num = 2]", "retry_num > 1", ["retry_num = 2"]],
    ["f(a) [f('x, y') = 1, a = 'it [is]']", "f(a)", ["f('x, y') = 1", "a = 'it [is]'"]],
    ["list[0] == 'a'", "list[0] == 'a'", []],
  ])("%s is taken apart", (text, condition, values) => {
    expect(apart(text)).toEqual({ condition, values });
  });
});

describe("what is said about TLS", () => {
  it.each([
    [null, undefined],
    ["TLS 1.3, verified", "TLS 1.3, verified"],
    [{ version: "TLSv1.3", cipher: "AES", verified: true }, "TLSv1.3, AES, verified yes"],
    [{ "@type": "None" }, undefined],
  ])("%j", (value, expected) => {
    expect(described(value)).toBe(expected);
  });
});
