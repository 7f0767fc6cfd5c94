import { describe, expect, it } from "vitest";
import { filterOf, momentOf, searchOf, viewOf } from "./history_filter";

const now = new Date("2026-11-24T15:00:30Z");

describe("a view of the history", () => {
  it("survives the way through a URL", () => {
    const view = { text: "ann", outcome: "failed", route: "a b", since: "24h" };
    expect(viewOf(new URLSearchParams(searchOf(view).toString()))).toEqual(view);
  });

  it("asks the server for points in time", () => {
    expect(filterOf({ from: "a", since: "1h", until: "nonsense" }, now)).toEqual({
      from: "a",
      since: "2026-11-24T14:00:00.000Z",
    });
    expect(momentOf("2026-11-24T01:00:00+01:00", now)).toBe("2026-11-24T00:00:00.000Z");
  });
});
