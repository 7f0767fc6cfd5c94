import { describe, expect, it } from "vitest";
import { literal, named, quoted } from "@/expression/names";
import { moved } from "@/forms/ListField";
import type { Report } from "@/pages/explain/types";
import { filterOf } from "./audit/filter";
import { strings } from "./dkim/Record";
import { summary, usedBy } from "./routes/used";
import { litOf } from "./strategy/lit";
import { argumentsOf } from "./strategy/useTrial";

describe("names in expressions", () => {
  it.each([
    ["'mx'", "mx"],
    ['"mx"', "mx"],
    [" 'a b' ", "a b"],
    ["mx", null],
    ["'a' + 'b'", null],
    ["''", ""],
  ])("%s yields %s", (text, name) => expect(literal(text)).toBe(name));

  it("are quoted so that they come back", () => {
    for (const name of ["mx", "it's", "a b"]) expect(literal(quoted(name))).toBe(name);
    expect(named(["if_then(x, 'a', 'b')", "'a'"])).toEqual(["a", "b"]);
  });
});

describe("routes", () => {
  const expression = { match: { "0": { if: "x", then: "'a'" }, "1": { if: "y", then: "'b'" } }, else: "'a'" };

  it("are used by the branches that name them", () => {
    expect(usedBy(expression, "a")).toEqual(["branch 1", "else"]);
    expect(usedBy(expression, "c")).toEqual([]);
    expect(usedBy({ match: {}, else: "'a'" }, "a")).toEqual(["all mail"]);
    expect(usedBy(undefined, "a")).toEqual([]);
  });

  it("say where they lead", () => {
    expect(summary({ id: "a", "@type": "Relay", address: "r.example", port: 587, implicitTls: true })).toBe(
      "r.example:587, TLS",
    );
    expect(summary({ id: "a", "@type": "Relay", socket: "/run/lmtp", protocol: "lmtp" })).toBe(
      "/run/lmtp (lmtp)",
    );
  });
});

describe("a list", () => {
  it("moves one element and keeps the others in their order", () => {
    expect(moved(["a", "b", "c"], 0, 2)).toEqual(["b", "c", "a"]);
    expect(moved(["a", "b", "c"], 2, 0)).toEqual(["c", "a", "b"]);
    expect(moved(["a"], 0, 1)).toEqual(["a"]);
  });
});

describe("the test line of the strategy", () => {
  it("asks about the draft only if there is one, and nothing without a recipient", () => {
    expect(argumentsOf({ from: "", to: "" }, null)).toEqual({});
    expect(argumentsOf({ from: "<>", to: "a@b", retryNum: "2", size: "x" }, { object: "T" })).toEqual({
      from: "",
      to: ["a@b"],
      retryNum: 2,
      draft: { changes: [{ object: "T" }] },
    });
  });

  it("lights the branch that fired and says what the others saw", () => {
    const branch = (index: number | null, value: string, fired: boolean) => ({
      index,
      condition: "c",
      then: "'x'",
      value,
      variables: [["retry_num", "0"]] as [string, string][],
      fired,
    });
    const report = {
      route: {
        property: "route",
        branches: [branch(0, "0", false), branch(1, "1", true), branch(2, "", false)],
      },
      hosts: [],
    } as unknown as Report;
    expect(litOf(report, "route")).toEqual({
      fired: 1,
      outcomes: [
        { value: false, text: "retry_num = 0" },
        { value: true, text: "retry_num = 0" },
        { value: null, text: "retry_num = 0" },
      ],
    });
    expect(litOf(report, "tls")).toBeNull();
  });
});

describe("others", () => {
  it("a long record is cut into strings that DNS takes", () => {
    expect(strings("a")).toBe('"a"');
    expect(
      strings("x".repeat(300))
        .match(/"[^"]*"/g)
        ?.map((part) => part.length - 2),
    ).toEqual([255, 45]);
  });

  it("the audit log is asked for what is not empty", () => {
    expect(filterOf(new URLSearchParams("who=ann&text=&nonsense=1"))).toEqual({ who: "ann" });
  });
});
