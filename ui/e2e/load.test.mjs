// How long does a page take with a long queue? `WAYPOST_QUEUED=100000` for the real measure, 10,000 unless said.
// @ts-check

import assert from "node:assert/strict";
import { test } from "node:test";
import { Peer } from "./lib/peer.mjs";
import { seed } from "./lib/seed.mjs";
import { branch, relay, settings } from "./lib/settings.mjs";
import { Stage } from "./lib/stage.mjs";
import { until } from "./lib/wait.mjs";

const QUEUED = Number(process.env.WAYPOST_QUEUED ?? 10_000);
/** Bytes of the program of a page over the wire until its first view is complete; what the server answers is beside it. */
const FIRST_VIEW_BYTES_MAX = 300 * 1024;
/** Milliseconds of server time; an optimised build on a quiet machine. */
const SERVER_MS = 200;
/** This machine may be busy and the build is not optimised: the bound that must hold here. */
const SERVER_MS_MAX = Number(process.env.WAYPOST_SERVER_MS_MAX ?? 2_000);
const INTERACTIVE_MS_MAX = Number(process.env.WAYPOST_INTERACTIVE_MS_MAX ?? 8_000);

const grey = await new Peer({ rcpt: "451 4.7.1 greylisted" }).listen();
const gone = await new Peer().listen();
const goneAt = gone.port;
await gone.close();

const stage = await Stage.start({
  settings: settings({
    routes: [relay("grey", grey.port), relay("gone", goneAt)],
    branches: [branch("grey.test", "grey")],
    otherwise: "'gone'",
    retryMs: [3_600_000],
  }),
  boot: `[limits]\nmessages_per_session_max = 1000`,
});
stage.finally(() => grey.close());
await stage.begin();

test(`${QUEUED} messages are queued through the front door`, async (t) => {
  const took = await seed(stage.waypost.smtpPort, QUEUED, (index) => ({
    from: `sender${index % 100}@here.test`,
    to: index % 50 === 0 ? `user${index}@grey.test` : `user${index}@domain${index % 1000}.example`,
  }));
  t.diagnostic(`${QUEUED} messages in ${took} ms`);
  await until(
    "all are in the queue",
    async () => {
      const { total } = await stage.call("x:QueuedMessage/query", {
        filter: {},
        limit: 1,
        calculateTotal: true,
      });
      return total === QUEUED;
    },
    60_000,
  );
});

/** What the pages ask, and how long the answer takes: the fastest of five, since the machine is shared. */
const QUESTIONS = /** @type {[string, string, Record<string, unknown>][]} */ ([
  [
    "queue, first page",
    "x:QueuedMessage/query",
    {
      filter: {},
      sort: [{ property: "due", isAscending: true }],
      position: 0,
      limit: 60,
      calculateTotal: true,
    },
  ],
  [
    "queue, the middle",
    "x:QueuedMessage/query",
    {
      filter: {},
      sort: [{ property: "due", isAscending: true }],
      position: QUEUED / 2,
      limit: 60,
      calculateTotal: true,
    },
  ],
  [
    "queue, by text",
    "x:QueuedMessage/query",
    { filter: { text: "sender7@" }, position: 0, limit: 60, calculateTotal: true },
  ],
  [
    "queue, by expression",
    "x:QueuedMessage/query",
    {
      filter: { expression: "rcpt_domain == 'domain7.example' && size > 10" },
      position: 0,
      limit: 60,
      calculateTotal: true,
    },
  ],
  ["causes", "x:QueueCause/query", { limit: 100, calculateTotal: true }],
  ["history", "x:MessageHistory/query", { filter: {}, limit: 50 }],
  ["history, by address", "x:MessageHistory/query", { filter: { text: "sender7@" }, limit: 50 }],
  ["statistics", "x:Statistics/get", { step: 60_000 }],
  ["next hops", "x:NextHop/get", { ids: null }],
  [
    "preview of a job on all",
    "x:QueueJob/set",
    { create: { p: { action: "retry", filter: {}, dryRun: true } } },
  ],
]);

for (const [name, method, args] of QUESTIONS) {
  test(`server time: ${name}`, async (t) => {
    const times = [];
    for (let turn = 0; turn < 5; turn += 1) {
      const begun = performance.now();
      await stage.call(method, args);
      times.push(performance.now() - begun);
    }
    const best = Math.min(...times);
    t.diagnostic(
      `${name}: ${best.toFixed(0)} ms (first ${times[0]?.toFixed(0)} ms)${best > SERVER_MS ? `, over the ${SERVER_MS} ms of the budget` : ""}`,
    );
    assert.ok(best < SERVER_MS_MAX, `${name} takes ${best.toFixed(0)} ms`);
  });
}

for (const [path, ready] of /** @type {[string, string][]} */ ([
  ["/overview", ".tile-number"],
  ["/queue", ".cause"],
  ["/queue?view=list", ".queue-to"],
  ["/history", ".history-row, [role=alert]"],
  ["/explain", "form"],
])) {
  test(`in the browser: ${path}`, async (t) => {
    const { page, watch, context } = await stage.page();
    let bytes = 0;
    const client = await context.newCDPSession(page);
    await client.send("Network.enable");
    /** @type {Set<string>} */
    const answers = new Set();
    client.on("Network.responseReceived", (event) => {
      if (event.response.url.endsWith("/jmap")) answers.add(event.requestId);
    });
    client.on("Network.loadingFinished", (event) => {
      if (!answers.has(event.requestId)) bytes += event.encodedDataLength;
    });
    const begun = performance.now();
    await page.goto(path);
    await page.locator(ready).first().waitFor();
    const took = performance.now() - begun;
    t.diagnostic(`${path}: interactive after ${took.toFixed(0)} ms, ${(bytes / 1024).toFixed(0)} kB`);
    assert.ok(bytes < FIRST_VIEW_BYTES_MAX, `${path} needs ${bytes} bytes`);
    assert.ok(took < INTERACTIVE_MS_MAX, `${path} takes ${took.toFixed(0)} ms`);
    await watch.clean();
    await context.close();
  });
}

test("scrolling to the end of the list shows its end", async () => {
  const { page, watch, context } = await stage.page();
  await page.goto("/queue?view=list");
  await page.locator(".queue-to").first().waitFor();
  await page.locator("h1").click();
  await page.keyboard.press("End");
  await page.locator(`[aria-rowindex="${QUEUED}"] .queue-to`).waitFor();
  assert.ok((await page.locator(".rows-row").count()) < 100, "only the rows in sight exist");
  await watch.clean();
  await context.close();
});

test("all of it held as a job, and undone", async (t) => {
  const begun = performance.now();
  const { created } = await stage.set("QueueJob", {
    create: { j: { action: "hold", filter: {}, reason: "load" } },
  });
  const id = created.j.id;
  const done = await until(
    "the job is done",
    async () => {
      const { list } = await stage.call("x:QueueJob/get", { ids: [id] });
      return list[0].state !== "running" && list[0];
    },
    240_000,
  );
  t.diagnostic(`${QUEUED} messages held in ${(performance.now() - begun).toFixed(0)} ms`);
  assert.equal(done.done + done.failed, QUEUED);
});
