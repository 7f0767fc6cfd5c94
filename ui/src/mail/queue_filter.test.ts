import { describe, expect, it } from "vitest";
import { filterOf, isAll, searchOf, viewOf } from "./queue_filter";

describe("a view of the queue", () => {
  it("survives the way through a URL", () => {
    const view = {
      text: "a+b@x.test",
      queue: "remote",
      held: "yes" as const,
      expression: "size > 10 && rcpt == 'ö'",
    };
    expect(viewOf(new URLSearchParams(searchOf(view).toString()))).toEqual(view);
  });

  it("keeps what else stands in the URL", () => {
    expect(searchOf({ from: "x" }, new URLSearchParams("view=list&to=y")).toString()).toBe(
      "view=list&from=x",
    );
  });

  it("asks the server in its words", () => {
    expect(filterOf({ from: "a", to: "b", held: "no", expression: "size > 1" })).toEqual({
      returnPath: "a",
      to: "b",
      held: false,
      expression: "size > 1",
    });
  });

  it("ignores what is empty or not understood", () => {
    expect(isAll(viewOf(new URLSearchParams("text=%20&held=perhaps&view=list")))).toBe(true);
  });
});
