import { describe, expect, it } from "vitest";
import {
  asVariant,
  blank,
  type Draft,
  differences,
  merge,
  patch,
  readDocument,
  same,
  writeDocument,
} from "./schema";
import { ROUTE, SCHEDULE } from "./schema.fixture";
import { duration, label, parseDuration, parseSize, short, size } from "./words";

describe("a draft", () => {
  it("has the defaults of its variant", () => {
    const relay = ROUTE.variants.find(({ name }) => name === "Relay");
    expect(blank(relay)).toMatchObject({
      "@type": "Relay",
      name: null,
      port: 25,
      addresses: [],
      implicitTls: false,
    });
  });

  it("keeps what both variants have when its variant changes", () => {
    const [mx, relay] = ROUTE.variants;
    if (!mx || !relay) throw new Error("the fixture has both");
    const draft = {
      ...blank(relay),
      name: "out",
      description: "ours",
      ipLookupStrategy: "v6Only",
      port: 587,
    };
    expect(asVariant(draft, mx)).toEqual({
      "@type": "Mx",
      name: "out",
      description: "ours",
      ipLookupStrategy: "v6Only",
      maxMxHosts: 5,
      maxMultihomed: 2,
    });
  });

  it("comes back as it was read", () => {
    const document = {
      name: "remote",
      description: null,
      queueId: "b",
      retry: {
        "@type": "Custom",
        intervals: { "0": { duration: 60_000 }, "1": { duration: 120_000 }, "10": { duration: 3 } },
      },
    };
    const draft = readDocument(SCHEDULE.variants, document);
    expect((draft.retry as { intervals: unknown[] }).intervals).toHaveLength(3);
    expect(writeDocument(SCHEDULE.variants, draft)).toMatchObject({
      retry: { "@type": "Custom", intervals: { "0": { duration: 60_000 }, "2": { duration: 3 } } },
    });
  });

  it("is saved by what differs, and never by what cannot be changed", () => {
    const before = { ...blank(ROUTE.variants[1]), name: "out", address: "a.example" };
    expect(patch(ROUTE, before, { ...before, port: 587 })).toEqual({ port: 587 });
    expect(patch(ROUTE, before, before)).toEqual({});
    const local = asVariant(before, ROUTE.variants[2] ?? { name: "", help: "", properties: [] });
    expect(patch(ROUTE, before, local)).toEqual({ "@type": "Local", description: null });
  });
});

describe("two who change the same", () => {
  const base: Draft = { port: 25, address: "a", tags: ["x"] };

  it("lose nothing if they changed different properties", () => {
    const { merged, conflicts } = merge(base, { ...base, port: 587 }, { ...base, address: "b" });
    expect(merged).toEqual({ port: 587, address: "b", tags: ["x"] });
    expect(conflicts).toEqual([]);
  });

  it("are told where they disagree", () => {
    const { merged, conflicts } = merge(base, { ...base, port: 587 }, { ...base, port: 465 });
    expect(merged.port).toBe(587);
    expect(conflicts).toEqual([{ property: "port", base: 25, mine: 587, theirs: 465 }]);
    expect(merge(base, { ...base, port: 1 }, { ...base, port: 1 }).conflicts).toEqual([]);
  });

  it("see which properties differ; null is as good as absent", () => {
    expect(differences(base, { ...base, port: 1 }).map(({ property }) => property)).toEqual(["port"]);
    expect(same({ a: null }, {})).toBe(true);
    expect(same([1, 2], [2, 1])).toBe(false);
  });
});

describe("words", () => {
  it.each([
    ["5 min", 300_000],
    ["5m", 300_000],
    ["1 h 30 min", 5_400_000],
    ["1.5h", 5_400_000],
    ["90s", 90_000],
    ["3 days", 259_200_000],
    ["500ms", 500],
    ["5", null],
    ["", null],
    ["5 x", null],
    ["h5", null],
    ["5m x", null],
  ])("the duration %s is %s ms", (text, ms) => expect(parseDuration(text)).toBe(ms));

  it("read every duration that they write", () => {
    for (const ms of [1, 999, 1_000, 61_000, 3_600_000, 90_061_001, 259_200_000]) {
      expect(parseDuration(duration(ms))).toBe(ms);
    }
  });

  it.each([
    ["25 MiB", 26_214_400],
    ["10 MB", 10_000_000],
    ["10m", 10_485_760],
    ["1,500", 1_500],
    ["1500 bytes", 1_500],
    ["x", null],
  ])("the size %s is %s bytes", (text, bytes) => expect(parseSize(text)).toBe(bytes));

  it("read every size that they write", () => {
    for (const bytes of [0, 1, 1_500, 1024, 26_214_400, 1024 ** 4])
      expect(parseSize(size(bytes))).toBe(bytes);
  });

  it("name properties for people", () => {
    expect(label("authSecret")).toBe("Password");
    expect(label("outboundReportSubmitter")).toBe("Outbound report submitter");
    expect(label("dkimSignDomain")).toBe("DKIM sign domain");
  });

  it("never show a secret", () => {
    expect(short({ "@type": "Value", secret: "****" })).not.toContain("****");
  });
});
