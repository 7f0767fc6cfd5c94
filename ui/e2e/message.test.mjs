// One message with a peer that really fails: its timeline, the dialogue, the peer's own words, the content.
// @ts-check

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { look } from "./lib/browser.mjs";
import { Peer } from "./lib/peer.mjs";
import { send } from "./lib/send.mjs";
import { branch, relay, settings } from "./lib/settings.mjs";
import { Stage } from "./lib/stage.mjs";
import { until } from "./lib/wait.mjs";

const WORDS = "451 4.7.1 <b>greylisted</b>, see https://peer.test/why?a=1&b=2";
let rcpt = WORDS;
const peer = await new Peer({ rcpt: () => rcpt }).listen();
const refuses = await new Peer({ rcpt: "550 5.1.1 nobody of this name lives here" }).listen();

const stage = await Stage.start({
  settings: settings({
    routes: [relay("grey", peer.port), relay("stern", refuses.port)],
    branches: [branch("grey.test", "grey"), branch("stern.test", "stern")],
    retryMs: [500],
    objects: { HistorySettings: { dialogues: "all" } },
  }),
});
stage.finally(() => peer.close());
stage.finally(() => refuses.close());
await stage.begin();
await send(stage.waypost.smtpPort, {
  from: "sender@here.test",
  to: ["bob@grey.test", "nobody@stern.test", "ann@here.test"],
  content: "Subject: three ways\r\nX-Note: <script>window.canary=1</script>\r\n\r\nHello.",
});
const [id] = await stage.queued(1);

const { page, watch } = await stage.page();

test("the timeline tells each attempt in the peer's own words, with the dialogue", async () => {
  await until("two attempts have failed", async () => {
    const { list } = await stage.call("x:MessageHistory/get", { ids: [id] });
    return (
      list[0]?.recipients.find((/** @type {any} */ one) => one.address === "bob@grey.test")?.attempts
        .length >= 2
    );
  });
  await page.goto(`/queue/${id}`);
  const bob = page.getByRole("region", { name: "Recipient bob@grey.test" });
  await bob.locator("summary").nth(1).waitFor();
  await bob.locator("summary").first().click();
  const unfolded = bob.locator("details[open]");
  await unfolded.locator(".words").getByText(WORDS.slice(4, 40)).first().waitFor();
  const dialogue = unfolded.getByRole("list", { name: /Dialogue/ });
  await dialogue.getByText("RCPT TO:<bob@grey.test>").first().waitFor();
  await unfolded.getByText("rcpt_domain == 'grey.test'").first().waitFor();
  const nobody = page.getByRole("region", { name: "Recipient nobody@stern.test" });
  await nobody.getByText("failed", { exact: true }).first().waitFor();
  await look(page, watch, "message");
});

test("the source is shown as text and can be saved", async () => {
  await page.goto(`/queue/${id}`);
  await page.getByRole("button", { name: "Show source" }).click();
  await page.getByText("X-Note: <script>window.canary=1</script>").waitFor();
  const saved = page.waitForEvent("download");
  await page.getByRole("button", { name: "Download content" }).click();
  const path = await (await saved).path();
  assert.match(readFileSync(path, "utf8"), /Subject: three ways/);
  await look(page, watch, "message-source");
});

test("what has ended is found in the history", async () => {
  rcpt = "250 2.1.5 ok";
  await stage.queued(0, { to: "grey.test" });
  await page.goto("/history?to=grey.test");
  await page.locator(".history-row").first().waitFor();
  await look(page, watch, "history");
  await page.locator(".history-row a").first().click();
  await page
    .getByRole("region", { name: "Recipient bob@grey.test" })
    .getByText("delivered")
    .first()
    .waitFor();
  await look(page, watch, "message-ended");
  await page.goto("/history?outcome=failed");
  await page.locator(".history-row").first().waitFor();
  await watch.clean();
});
