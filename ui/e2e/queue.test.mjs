// The queue in the browser: causes, list, filters, keys, and what is done in bulk.
// @ts-check

import assert from "node:assert/strict";
import { test } from "node:test";
import { look } from "./lib/browser.mjs";
import { Peer } from "./lib/peer.mjs";
import { seed } from "./lib/seed.mjs";
import { branch, relay, settings } from "./lib/settings.mjs";
import { Stage } from "./lib/stage.mjs";
import { until } from "./lib/wait.mjs";

const HOUR_MS = 3_600_000;

const putsOff = await new Peer({ rcpt: "451 4.7.1 greylisted, come back in five minutes" }).listen();
const takes = await new Peer().listen();
const gone = await new Peer().listen();
const goneAt = gone.port;
await gone.close();

const stage = await Stage.start({
  settings: settings({
    routes: [relay("grey", putsOff.port), relay("gone", goneAt), relay("good", takes.port)],
    branches: [branch("grey.test", "grey"), branch("gone.test", "gone")],
    otherwise: "'good'",
    retryMs: [HOUR_MS],
  }),
});
stage.finally(() => putsOff.close());
stage.finally(() => takes.close());
await stage.begin();

await seed(stage.waypost.smtpPort, 40, (index) => ({
  from: `sender${index % 4}@here.test`,
  to: `user${index}@${index % 4 === 0 ? "gone" : "grey"}.test`,
}));
await stage.queued(40);
await until("all have been tried", async () => {
  const { ids } = await stage.call("x:QueuedMessage/query", { filter: {}, limit: 100 });
  const { list } = await stage.call("x:QueuedMessage/get", { ids });
  return list.every((/** @type {any} */ message) =>
    Object.values(message.recipients).every(
      (/** @type {any} */ one) => one.status["@type"] === "TemporaryFailure",
    ),
  );
});

const { page, watch } = await stage.page();

test("mail that waits for the same reason stands together", async () => {
  await page.goto("/queue");
  await page
    .getByText(/^greylisted by 127.0.0.1/)
    .first()
    .waitFor();
  const causes = page.locator(".cause");
  assert.ok((await causes.count()) >= 2, "each reason is a cause");
  await look(page, watch, "queue-causes");
});

test("a cause leads to its messages", async () => {
  await page.goto("/queue");
  await page
    .locator(".cause", { hasText: "greylisted" })
    .getByRole("link", { name: /30 recipients/ })
    .click();
  await page.getByText("30 messages").waitFor();
  assert.match(page.url(), /cause=/);
  await look(page, watch, "queue-list");
});

test("the filters stand in the URL and are answered by the server", async () => {
  await page.goto("/queue?view=list");
  await page.getByText("40 messages").waitFor();
  await page.getByLabel("From", { exact: true }).fill("sender1@");
  await page.getByText("10 messages").waitFor();
  assert.match(page.url(), /from=sender1/);
  await page.reload();
  await page.getByText("10 messages").waitFor();
  await page.getByRole("button", { name: "Clear filters" }).click();
  await page.getByText("40 messages").waitFor();
  await page.getByRole("textbox", { name: "Expression" }).click();
  await page.locator(".cm-focused").waitFor();
  await page.keyboard.type("rcpt_domain == 'gone.test'");
  await page.keyboard.press("Escape");
  await page.getByText("10 messages").waitFor();
  await page.getByRole("textbox", { name: "Expression" }).click();
  await page.keyboard.press("Control+A");
  await page.keyboard.type("rcpt_domian == 1");
  await page
    .locator(".queue-expression [id$=-error], .queue-expression .mantine-InputWrapper-error")
    .first()
    .waitFor();
  await look(page, watch, "queue-expression-wrong");
});

test("the keyboard walks, selects and opens", async () => {
  await page.goto("/queue?view=list");
  await page.getByText("40 messages").waitFor();
  await page.locator("h1").click();
  await page.keyboard.press("j");
  await page.keyboard.press("j");
  await page.keyboard.press("x");
  await page.getByText("1 of 40 selected").waitFor();
  await page.keyboard.press("k");
  await page.keyboard.press("x");
  await page.getByText("2 of 40 selected").waitFor();
  await look(page, watch, "queue-selected");
  await page.keyboard.press("Enter");
  await page.getByRole("article", { name: "Message" }).waitFor();
  await page.goBack();
  await page.getByText("40 messages").waitFor();
  await watch.clean();
});

test("held in bulk with a preview, undone, held again, and released", async () => {
  await page.goto("/queue?view=list&from=sender1");
  await page.getByText("10 messages").waitFor();
  await page.getByLabel("Select all that match").check();
  await page.getByRole("button", { name: "Hold 10" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText("10 recipients of 10 messages").waitFor();
  await dialog.getByLabel("Reason").fill("looks odd <b>to me</b>");
  await look(page, watch, "queue-hold");
  await dialog.getByRole("button", { name: "Hold 10" }).click();
  await page.getByText("Done: 10 of 10").first().waitFor();
  await stage.queued(10, { held: true });
  await look(page, watch, "queue-held");
  await page.getByRole("button", { name: "Undo" }).click();
  await stage.queued(0, { held: true });
  await watch.clean();
});

test("rerouted mail takes the other way and is delivered", async () => {
  await page.goto("/queue?view=list&to=gone.test");
  await page.getByText("10 messages").waitFor();
  await page.getByLabel("Select all that match").check();
  await page.getByRole("button", { name: "Reroute 10" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Route").click();
  await page.getByRole("option", { name: /^good/ }).click();
  await dialog.getByText("10 recipients of 10 messages").waitFor();
  await look(page, watch, "queue-reroute");
  await dialog.getByRole("button", { name: "Reroute 10" }).click();
  await page.getByText("Done: 10 of 10").first().waitFor();
  await page.goto("/queue?view=list&to=gone.test");
  if (
    (await stage.call("x:QueuedMessage/query", { filter: { to: "gone.test" }, calculateTotal: true })).total >
    0
  ) {
    await page.getByLabel("Select all that match").check();
    await page.getByRole("button", { name: /^Retry/ }).click();
    await page
      .getByRole("dialog")
      .getByRole("button", { name: /^Retry [1-9]/ })
      .click();
  }
  await until("the other relay took it", () => takes.taken.length >= 10);
  await watch.clean();
});

test("what is cancelled leaves the queue, and the sender is told if one wants it", async () => {
  await page.goto("/queue?view=list&from=sender2");
  const { total } = await stage.call("x:QueuedMessage/query", {
    filter: { returnPath: "sender2" },
    calculateTotal: true,
  });
  await page.getByLabel("Select all that match").check();
  await page.getByRole("button", { name: `Cancel ${total}` }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("are told that their mail was not delivered").check();
  await dialog.getByText(`${total} recipients of ${total} messages`).waitFor();
  await look(page, watch, "queue-cancel");
  await dialog.getByRole("button", { name: `Cancel ${total}` }).click();
  await page.getByText(`Done: ${total} of ${total}`).first().waitFor();
  await stage.queued(0, { returnPath: "sender2" });
  await watch.clean();
});

test("all deliveries are paused and resumed", async () => {
  await page.goto("/queue");
  await page.getByRole("button", { name: "Pause all deliveries" }).click();
  await page.getByText("All deliveries are paused").waitFor();
  await look(page, watch, "queue-paused");
  await page.getByRole("button", { name: "Resume" }).click();
  await page.getByText("All deliveries are paused").waitFor({ state: "detached" });
  await watch.clean();
});
