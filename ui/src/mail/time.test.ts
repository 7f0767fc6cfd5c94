import { describe, expect, it } from "vitest";
import { relative, span } from "./time";

describe("a span", () => {
  it.each([
    [0, "0 s"],
    [340, "340 ms"],
    [1_000, "1 s"],
    [59_000, "59 s"],
    [200_000, "3 min 20 s"],
    [3_600_000, "1 h"],
    [3_605_000, "1 h"],
    [7_440_000, "2 h 4 min"],
    [90_000_000, "1 d 1 h"],
    [2_592_000_000, "30 d"],
  ])("%d ms is said as %s", (milliseconds, expected) => {
    expect(span(milliseconds)).toBe(expected);
  });
});

describe("a point in time", () => {
  const now = new Date("2026-11-24T15:00:00Z");

  it.each([
    ["2026-11-24T15:00:00.400Z", "now"],
    ["2026-11-24T15:03:20Z", "in 3 min 20 s"],
    ["2026-11-24T12:56:00Z", "2 h 4 min ago"],
  ])("%s is said as %s", (at, expected) => {
    expect(relative(new Date(at), now)).toBe(expected);
  });
});
