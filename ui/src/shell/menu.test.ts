import { describe, expect, it } from "vitest";
import { grouped, PAGES, rank } from "./menu";

describe("the menu", () => {
  it("is the one of the page", () => {
    const text = grouped().map(({ title, parts }) =>
      [
        title,
        ...parts.flatMap((part) => [
          ...(part.title ? [part.title] : []),
          ...part.pages.map((page) => page.label),
        ]),
      ].join("; "),
    );
    expect(text[0]).toBe("Management; Overview; Emails; Queued; History; Explain; Domains; Accounts; Audit");
    expect(text[1]).toMatch(
      /^Settings; MTA › Outbound; Strategy; Routes; Delivery Schedules; Virtual Queues; Connection Strategies; TLS Strategies; Rates & Quotas; DKIM; Reports; Access/,
    );
  });

  it("has each path and each key once", () => {
    const keys = PAGES.flatMap(({ key }) => (key ? [key] : []));
    expect(new Set(keys).size).toBe(keys.length);
    expect(new Set(PAGES.map(({ path }) => path)).size).toBe(PAGES.length);
  });

  it("ranks a page whose name begins so before others", () => {
    const best = (typed: string) => [...PAGES].sort((a, b) => rank(b, typed) - rank(a, typed))[0]?.label;
    expect(best("rou")).toBe("Routes");
    expect(best("smarthost")).toBe("Routes");
    expect(best("sch")).toBe("Delivery Schedules");
    expect(PAGES.every((page) => rank(page, "xyzzy") === 0)).toBe(true);
  });
});
