// Nothing that a stranger writes runs, loads, adds an element, or hides what it is: in every place that shows it.
// @ts-check

import assert from "node:assert/strict";
import { test } from "node:test";
import { CONFUSABLES, quotedLocalPart, SCRIPTS, SPOOFS } from "./lib/payloads.mjs";
import { Peer } from "./lib/peer.mjs";
import { send } from "./lib/send.mjs";
import { branch, relay, settings } from "./lib/settings.mjs";
import { Stage } from "./lib/stage.mjs";
import { until } from "./lib/wait.mjs";

/** The peer answers with the next of the texts each time; its dialogue has all of them in turn. */
const WORDS = [
  ...SCRIPTS,
  ...SPOOFS.map((spoof) => spoof.text),
  "\x1b[31mred\x1b[0m \x07bell",
  `long ${"A".repeat(400)}`,
];
let next = 0;
const peer = await new Peer({
  greeting: "220 <img src=x onerror=window.canary=1> ESMTP",
  rcpt: () => `451 4.7.1 ${WORDS[next++ % WORDS.length]}`,
}).listen();

const stage = await Stage.start({
  settings: settings({
    routes: [
      relay("grey", peer.port, { description: `${SCRIPTS[4]} \u202Etxt.exe` }),
      relay("<img src=x onerror=alert(1)>", peer.port),
    ],
    branches: [branch("grey.test", "grey")],
    otherwise: "'grey'",
    retryMs: [3_600_000],
    objects: { HistorySettings: { dialogues: "all" } },
  }),
});
stage.finally(() => peer.close());
await stage.begin();

/** What the pages must show, as it was sent: the HTML as text. */
const { page, watch } = await stage.page();
watch.expect(/404/);

const sent = await fill();

async function fill() {
  const port = stage.waypost.smtpPort;
  const taken = [];
  for (const [index, text] of SCRIPTS.entries()) {
    const from = `${quotedLocalPart(text).slice(0, 66)}@here.test`;
    const to = `${quotedLocalPart(text.slice(0, 50))}@grey.test`;
    const content = `Subject: ${text}\r\nX-Payload: ${text}\r\nFrom: ${text} <a@b.test>\r\n\r\n${text}`;
    const said = [
      { from: sane(from), to: `user${index}@grey.test`, content },
      { from: `sender${index}@here.test`, to: sane(to), content },
    ];
    for (const mail of said) {
      await send(port, mail).then(
        () => taken.push(mail),
        // An address that the grammar of SMTP refuses gets nowhere, which is as good.
        () => undefined,
      );
    }
  }
  for (const { text } of SPOOFS) {
    const mail = { from: `${quotedLocalPart(text)}@here.test`, to: `u${text}@grey.test`, utf8: true };
    await send(port, mail).then(
      () => taken.push(mail),
      () => undefined,
    );
  }
  for (const { text } of CONFUSABLES) {
    await send(port, { from: text, to: "plain@grey.test", utf8: true });
  }
  await until("every message has been tried", () => next >= taken.length);
  return taken;
}

/** A local part of 64 octets at most, and quoted to its end (RFC 5321 section 4.5.3.1.1). */
function sane(/** @type {string} */ address) {
  const at = address.lastIndexOf("@");
  let local = address.slice(0, at);
  if (local.length > 64) local = `${local.slice(0, 62).replace(/\\+$/, "")}"`;
  return `${local}${address.slice(at)}`;
}

/** Nothing ran, nothing was added, nothing was asked for. */
async function unharmed() {
  const found = await page.evaluate(() => ({
    canary: /** @type {any} */ (window).canary,
    polluted: /** @type {any} */ ({}).polluted,
    added: [
      ...document.querySelectorAll(
        "[data-canary], iframe, object, embed, marquee, math, video, base, main script, [onerror], [onload], [style*='/canary'], a[href^='javascript'], a[href^='data:'], main form[action]",
      ),
    ].map((one) => one.outerHTML.slice(0, 200)),
    images: [...document.querySelectorAll("img:not(.cm-widgetBuffer)")]
      .map((one) => one.getAttribute("src"))
      .filter((src) => src !== "/mark.svg"),
  }));
  assert.deepEqual(found, { canary: undefined, polluted: undefined, added: [], images: [] });
  await watch.clean();
}

/** All bidi and other invisible characters that stand in the page as they are. */
function invisible() {
  return page.evaluate(() => {
    const text = document.querySelector("main")?.textContent ?? "";
    return [...text]
      .filter((one) => /[\p{Cf}\p{Zl}\p{Zp}\u3164\u{E0041}]|(?![\n\t])\p{Cc}/u.test(one))
      .map((one) => (one.codePointAt(0) ?? 0).toString(16));
  });
}

test("most of the forty texts came in as addresses", () => {
  assert.equal(SCRIPTS.length, 40);
  assert.ok(sent.length >= 60, `${sent.length} messages were taken`);
});

test("the list of the queue", async () => {
  await page.goto("/queue?view=list");
  await page.locator(".queue-to").first().waitFor();
  const grid = page.locator(".rows");
  for (let more = true; more; ) {
    await unharmed();
    assert.deepEqual(await invisible(), []);
    more = await grid.evaluate((element) => {
      const before = element.scrollTop;
      element.scrollTop += element.clientHeight;
      return element.scrollTop > before;
    });
    await page.waitForFunction(() => !document.querySelector(".rows")?.textContent?.includes("…\n"));
  }
  await page.goto(`/queue?view=list&text=${encodeURIComponent("onerror")}`);
  await page.getByText("onerror=window.canary=1").first().waitFor();
  await unharmed();
});

test("the queue by cause, where peers' replies are quoted", async () => {
  await page.goto("/queue");
  await page.locator(".cause").first().waitFor();
  await unharmed();
  assert.deepEqual(await invisible(), []);
});

test("every message: addresses, replies, dialogue, decision, source", async () => {
  const { ids } = await stage.call("x:QueuedMessage/query", { filter: {}, limit: 200 });
  for (const id of ids) {
    await page.goto(`/queue/${id}`);
    await page.locator(".recipient").first().waitFor();
    for (const closed of await page.locator("details:not([open]) > summary").all()) await closed.click();
    await page.getByRole("button", { name: "Show source" }).click();
    await page.locator(".source").waitFor();
    await unharmed();
    assert.deepEqual(await invisible(), [], `in ${page.url()}`);
  }
});

test("confusable addresses are not shown as what they look like", async () => {
  for (const { finds, seen } of CONFUSABLES) {
    await page.goto(`/queue?view=list&from=${encodeURIComponent(finds)}`);
    await page.getByText(seen).first().waitFor();
  }
  await unharmed();
});

test("history, overview, explain", async () => {
  await page.goto("/history");
  await page.locator(".history-row").first().waitFor();
  await unharmed();
  assert.deepEqual(await invisible(), []);
  await page.goto("/overview");
  await page.locator(".chart").waitFor();
  await unharmed();
  const question = new URLSearchParams({ from: "a@here.test", to: '"<img/src/onerror=alert(1)>"@grey.test' });
  for (const text of SCRIPTS.slice(0, 6)) question.append("header", `X-A: ${text}`);
  await page.goto(`/explain?${question}`);
  await page.locator(".answer, [role=alert]").first().waitFor();
  await unharmed();
});

test("account names, descriptions and comments that an administrator was talked into", async () => {
  await stage.call("x:Account/set", {
    create: { a: { name: "mallory@here.test", description: SCRIPTS[4] } },
  });
  await stage.call("x:MtaRoute/set", {
    create: {
      r: {
        "@type": "Relay",
        name: '"><svg onload=window.canary=1>',
        address: "127.0.0.1",
        description: SCRIPTS[6],
      },
    },
    comment: SCRIPTS[1],
  });
  for (const path of [
    "/accounts",
    "/settings/routes",
    "/settings/revisions",
    "/audit",
    "/settings/strategy",
    "/domains",
  ]) {
    await page.goto(path);
    await page.locator("main h1").first().waitFor();
    await page.waitForLoadState("networkidle");
    await unharmed();
    assert.deepEqual(await invisible(), [], `in ${path}`);
  }
});
