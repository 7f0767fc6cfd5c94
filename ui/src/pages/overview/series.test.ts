import { describe, expect, it } from "vitest";
import { halves, linesOf, seconds } from "./series";

describe("a series", () => {
  it("has a point for every step, also where nothing happened", () => {
    const { times, lines } = linesOf(
      {
        series: {
          accepted: [
            [60, 3],
            [180, 2],
          ],
          failed: [["1970-01-01T00:02:10Z", 1]],
        },
      },
      60,
      240,
      60,
    );
    expect(times).toEqual([60, 120, 180, 240]);
    expect(lines.find((line) => line.name === "accepted")?.values).toEqual([3, 0, 2, 0]);
    expect(lines.find((line) => line.name === "failed")?.values).toEqual([0, 1, 0, 0]);
    expect(lines.find((line) => line.name === "delivered")?.values).toEqual([0, 0, 0, 0]);
  });

  it("reads seconds, milliseconds and texts", () => {
    expect(seconds(1_764_000_000)).toBe(1_764_000_000);
    expect(seconds(1_764_000_000_500)).toBe(1_764_000_000);
    expect(seconds("2025-11-24T16:00:00Z")).toBe(1_764_000_000);
  });

  it("is compared with what was before", () => {
    expect(halves([1, 2, 3, 4])).toEqual({ before: 3, after: 7 });
  });
});
