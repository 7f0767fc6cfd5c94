// Settings are changed: refused with the reason at the field, kept from being lost, on trial, against another admin.
// @ts-check

import assert from "node:assert/strict";
import { test } from "node:test";
import { look } from "./lib/browser.mjs";
import { branch, relay, settings } from "./lib/settings.mjs";
import { Stage } from "./lib/stage.mjs";

const SECRET = "the canary 1f0c";

const stage = await Stage.start({
  settings: settings({
    routes: [
      relay("smarthost", 2525, {
        authUsername: "me",
        authSecret: { "@type": "Value", secret: SECRET },
        allowPlaintextAuth: true,
      }),
    ],
    branches: [branch("partner.test", "smarthost")],
  }),
});
await stage.begin();

const route = async (/** @type {string} */ name) =>
  (await stage.call("x:MtaRoute/get", { ids: null })).list.find(
    (/** @type {any} */ one) => one.name === name,
  );

/** @param {import("playwright-core").Page} page */
const saved = (page) => page.getByText("In force as revision").first().waitFor();

test("a route is made; a mistake is told at its field; it stands in the list", async () => {
  const { page, watch, context } = await stage.page();
  await page.goto("/settings/routes");
  await page.getByRole("link", { name: "New route" }).click();
  await page.locator("[data-field=name]").fill("backup");
  await page.locator("[data-field=address]").fill("backup.test");
  await page.locator("[data-field=port]").fill("99999");
  await page.getByLabel("Comment").fill("the second provider");
  await page.getByRole("button", { name: "Create" }).click();
  await page.locator(".field", { hasText: "Port" }).locator("[class*=error]").first().waitFor();
  await look(page, watch, "route-refused");
  await page.locator("[data-field=port]").fill("587");
  await page.getByRole("button", { name: "Create" }).click();
  await saved(page);
  await page.getByRole("heading", { name: "backup" }).waitFor();
  assert.equal((await route("backup")).port, 587);
  await page.goto("/settings/routes?name=backup");
  await page.getByRole("heading", { name: "backup" }).waitFor();
  await watch.clean();
  await context.close();
});

test("a password is never shown, and stays when other things are saved", async () => {
  const { page, watch, context } = await stage.page();
  const { id } = await route("smarthost");
  await page.goto(`/settings/routes/${id}`);
  await page.getByText("A secret is set").first().waitFor();
  await page.locator("[data-field=description]").fill("Our provider");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await saved(page);
  assert.ok(!(await page.content()).includes(SECRET));
  const after = await route("smarthost");
  assert.equal(after.description, "Our provider");
  assert.equal(after.authSecret.secret, "****");
  await watch.clean();
  await context.close();
});

test("a route that the strategy names is not removed, and the reason is told", async () => {
  const { page, watch, context } = await stage.page();
  await page.goto(`/settings/routes/${(await route("smarthost")).id}`);
  await page.getByRole("button", { name: "Remove…" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText("branch 2").waitFor();
  await dialog.getByRole("button", { name: "Remove", exact: true }).click();
  await dialog.getByRole("alert").first().waitFor();
  await look(page, watch, "route-linked");
  assert.ok(await route("smarthost"));
  await context.close();
});

test("branches are edited: completion, an error underlined, the test line, a trial that is kept", async () => {
  const { page, watch, context } = await stage.page();
  await page.goto("/settings/strategy");
  const part = page.getByRole("region", { name: "Route" });
  await part.getByRole("button", { name: "Add a branch" }).click();
  const condition = part.getByRole("textbox", { name: "condition of branch 3" });
  await condition.click();
  await page.keyboard.type("rcpt_dom");
  await page.locator(".cm-tooltip-autocomplete").getByText("rcpt_domain").first().waitFor();
  await page.keyboard.press("Escape");
  await part
    .getByText(/rcpt_dom\b/)
    .last()
    .waitFor();
  await part.locator(".field-error").first().waitFor();
  await look(page, watch, "strategy-error");
  await condition.press("Control+a");
  await page.keyboard.type("sender_domain == 'here.test' && rcpt_domain == 'far.test'");
  await page.keyboard.press("Escape");
  await part.getByLabel("result of branch 3").first().click();
  await page.getByRole("option", { name: "smarthost" }).click();
  await page.getByLabel("Mail from").fill("ann@here.test");
  await page.getByLabel("to", { exact: true }).fill("x@far.test");
  await part.locator("li[data-lit=fired]").getByText("3", { exact: true }).waitFor();
  await page.getByText("with your unsaved changes").waitFor();
  await look(page, watch, "strategy-lit");
  await condition.press("Alt+ArrowUp");
  await part.locator("li[data-lit=fired]").getByText("2", { exact: true }).waitFor();
  await page.getByLabel("For good or on trial").first().click();
  await page.getByRole("option", { name: "on trial for 10 min" }).click();
  await page.getByLabel("Comment").fill("far.test by the provider");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  const trial = page.getByRole("status", { name: "A change is on trial" });
  await trial.waitFor();
  await look(page, watch, "trial");
  await page.getByRole("link", { name: "Overview" }).click();
  await trial.getByRole("button", { name: "Keep it" }).click();
  await trial.waitFor({ state: "detached" });
  const { list } = await stage.call("x:MtaOutboundStrategy/get", { ids: ["singleton"] });
  assert.match(list[0].route.match["1"].if, /far\.test/);
  await watch.clean();
  await context.close();
});

test("a trial can be taken back at once", async () => {
  const { page, watch, context } = await stage.page();
  const { id } = await route("backup");
  await stage.set("MtaRoute", { update: { [id]: { port: 2526 } }, confirmWithin: 600_000 });
  await page.goto("/settings/routes");
  await page.getByRole("button", { name: "Go back now" }).click();
  await page.getByRole("status", { name: "A change is on trial" }).waitFor({ state: "detached" });
  assert.equal((await route("backup")).port, 587);
  await watch.clean();
  await context.close();
});

test("what is not saved is not left without a question", async () => {
  const { page, watch, context } = await stage.page();
  await page.goto(`/settings/routes/${(await route("backup")).id}`);
  await page.locator("[data-field=description]").fill("half a thought");
  await page.getByRole("link", { name: "Domains" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText("are not saved").waitFor();
  await look(page, watch, "unsaved");
  await dialog.getByRole("button", { name: "Stay" }).click();
  assert.equal(await page.locator("[data-field=description]").inputValue(), "half a thought");
  await page.getByRole("link", { name: "Domains" }).click();
  await dialog.getByRole("button", { name: "Leave without saving" }).click();
  await page.getByRole("heading", { name: "Domains" }).waitFor();
  await watch.clean();
  await context.close();
});

test("another admin's change is shown, and nothing of either is lost", async () => {
  const { page, watch, context } = await stage.page();
  const { id } = await route("backup");
  await page.goto(`/settings/routes/${id}`);
  await page.locator("[data-field=description]").fill("mine");
  await page.locator("[data-field=port]").fill("465");
  await stage.set("MtaRoute", {
    update: { [id]: { port: 2500, address: "other.test" } },
    comment: "moved the relay",
  });
  await page.getByRole("button", { name: "Save", exact: true }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText("moved the relay").waitFor();
  await dialog.getByRole("cell", { name: "2500" }).waitFor();
  await look(page, watch, "mismatch");
  await dialog.getByRole("button", { name: /Put mine on top/ }).click();
  assert.equal(await page.locator("[data-field=address]").inputValue(), "other.test");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await saved(page);
  const after = await route("backup");
  assert.deepEqual([after.port, after.address, after.description], [465, "other.test", "mine"]);
  await watch.clean();
  await context.close();
});

test("a revision is compared and restored", async () => {
  const { page, watch, context } = await stage.page();
  const before = (await stage.call("x:Revision/get", { ids: null })).list;
  const moved = before.find((/** @type {any} */ one) => one.comment === "moved the relay").number;
  await page.goto(`/settings/revisions/${moved - 1}`);
  await look(page, watch, "revision");
  await page.getByRole("button", { name: "Restore…" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText("backup").first().waitFor();
  await dialog.getByLabel("Why?").fill("it was better before");
  await look(page, watch, "restore");
  await dialog.getByRole("button", { name: "Restore", exact: true }).click();
  await page.getByText("in force again").waitFor();
  assert.equal((await route("backup")).port, 587);
  await watch.clean();
  await context.close();
});

test("a token's secret is shown once; a viewer only looks", async () => {
  const { page, watch, context } = await stage.page();
  await page.goto("/settings/access/tokens");
  await page.getByRole("button", { name: "New token" }).click();
  await page.getByLabel("Description").fill("backup script");
  await page.getByRole("button", { name: "Make the token" }).click();
  const secret = (await page.getByText(/^wpt_/).textContent()) ?? "";
  await look(page, watch, "token");
  await page.getByRole("button", { name: "I have it" }).click();
  await page.getByText("backup script").waitFor();
  assert.ok(!(await page.content()).includes(secret));
  await page.goto("/settings/access/administrators");
  await page.getByRole("button", { name: "New administrator" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name").fill("vera");
  await dialog.getByLabel("Role").first().click();
  await page.getByRole("option", { name: "viewer" }).click();
  await dialog.getByLabel("Password", { exact: true }).fill("vera looks only 17");
  await look(page, watch, "administrator-new");
  await dialog.getByRole("button", { name: "Create" }).click();
  await page.getByRole("button", { name: "vera" }).waitFor();
  await context.close();
  const vera = await stage.page({ cookie: await stage.login("vera", "vera looks only 17") });
  await vera.page.goto(`/settings/routes/${(await route("backup")).id}`);
  await vera.page.getByText("needs the role router").waitFor();
  assert.equal(await vera.page.getByRole("button", { name: "Remove…" }).count(), 0);
  assert.ok(await vera.page.locator("[data-field=port]").isDisabled());
  await look(vera.page, vera.watch, "viewer");
  await vera.context.close();
});

test("an account gets a password that is never shown again", async () => {
  const { page, watch, context } = await stage.page();
  await page.goto("/accounts");
  await page.getByRole("link", { name: "ann@here.test" }).click();
  await page.getByLabel("Password", { exact: true }).fill("ann's own words 17");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await saved(page);
  await page.reload();
  await page.getByText("A secret is set").waitFor();
  assert.ok(!(await page.content()).includes("own words"));
  await watch.clean();
  await context.close();
});

test("a key for DKIM is made and its record shown", async () => {
  const { page, watch, context } = await stage.page();
  watch.expect(/50\d/);
  await page.goto("/settings/dkim/new");
  await page.getByRole("region", { name: "New key" }).getByLabel("Domain").first().click();
  await page.getByRole("option", { name: "here.test" }).click();
  await page.getByRole("button", { name: "Make a key" }).click();
  await page.getByText(/v=DKIM1/).waitFor();
  await look(page, watch, "dkim-made");
  await page.getByRole("button", { name: "Create" }).click();
  await saved(page);
  await page.getByRole("heading", { name: "DNS record" }).waitFor();
  assert.ok(!(await page.content()).includes("PRIVATE KEY-----\n"));
  await context.close();
});

test("keys: jump, palette, help", async () => {
  const { page, watch, context } = await stage.page();
  await page.goto("/overview");
  await page.getByRole("heading", { name: "Overview" }).waitFor();
  await page.keyboard.press("g");
  await page.keyboard.press("r");
  await page.getByRole("heading", { name: "Routes" }).waitFor();
  await page.keyboard.press("?");
  await page.getByRole("dialog").getByText("search on this page").waitFor();
  await look(page, watch, "help");
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await page.keyboard.press("Control+k");
  await page.getByRole("combobox", { name: "Go to" }).fill("smart");
  await page.getByRole("option", { name: /smarthost/ }).waitFor();
  await look(page, watch, "palette");
  await page
    .getByRole("option", { name: /smarthost/ })
    .first()
    .click();
  await page.getByRole("heading", { name: "smarthost" }).waitFor();
  await watch.clean();
  await context.close();
});
