// How much must be fetched before the first page is seen? Measures `dist`, if it has been built.
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";

const dist = join(process.cwd(), "dist/");

/** Compressed bytes of the first view, at most. */
const FIRST_VIEW_MAX = 300 * 1024;

describe.skipIf(!existsSync(`${dist}index.html.gz`))("what is built", () => {
  const text = (name: string) => gunzipSync(readFileSync(`${dist}${name}.gz`)).toString();

  it("shows its first view within 300 KB", () => {
    const html = text("index.html");
    const entry = [...html.matchAll(/(?:src|href)="\/([^"]+)"/g)].map(([, name]) => String(name));
    expect(entry.some((name) => name.endsWith(".js"))).toBe(true);
    const wanted = new Set(entry);
    const main = text(entry.find((name) => name.endsWith(".js")) ?? "");
    const first = main.match(/assets\/overview-[\w-]+\.(?:js|css)/g) ?? [];
    for (const name of first) wanted.add(name);
    let bytes = statSync(`${dist}index.html.gz`).size;
    const seen = new Set<string>();
    const add = (name: string) => {
      if (seen.has(name)) return;
      seen.add(name);
      bytes += statSync(`${dist}${name}.gz`).size;
      if (!name.endsWith(".js") || entry.includes(name)) return;
      for (const [, part] of text(name).matchAll(/from"\.\/([\w.-]+\.js)"/g)) add(`assets/${part}`);
    };
    for (const name of wanted) add(name);
    expect(bytes).toBeLessThan(FIRST_VIEW_MAX);
  });

  it("has no script or style in the page itself, and asks no other host", () => {
    const html = text("index.html");
    expect(html).not.toMatch(/<style|<script(?![^>]*\bsrc=)|\son\w+=|https?:\/\//);
  });
});
