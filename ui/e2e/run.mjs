// Runs the browser tests one after the other; `node e2e/run.mjs queue` only those whose file is named so.
// @ts-check

import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** Milliseconds after which a test has hung. */
const TIMEOUT_MS = 300_000;

const folder = fileURLToPath(new URL(".", import.meta.url));
const wanted = process.argv.slice(2);
const files = readdirSync(folder)
  .filter((name) => name.endsWith(".test.mjs"))
  .filter((name) => wanted.length === 0 || wanted.some((word) => name.startsWith(word)))
  .sort();
if (files.length === 0) {
  console.error("there is no such test");
  process.exit(1);
}
const flags = ["--test", "--test-concurrency=1", "--test-reporter=spec", `--test-timeout=${TIMEOUT_MS}`];
const done = spawnSync(process.execPath, [...flags, ...files.map((name) => `${folder}${name}`)], {
  stdio: "inherit",
});
process.exit(done.status ?? 1);
