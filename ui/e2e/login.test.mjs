// The first password, the door, and the way out.
// @ts-check

import assert from "node:assert/strict";
import { test } from "node:test";
import { look, open } from "./lib/browser.mjs";
import { ADMIN } from "./lib/program.mjs";
import { settings } from "./lib/settings.mjs";
import { Stage } from "./lib/stage.mjs";

const stage = await Stage.start({ settings: settings() });

test("the one-time link sets the first password and leads to the overview", async () => {
  const link = stage.waypost.setupLink;
  assert.ok(link, "a link is said at the first start");
  const { page, watch } = await open(stage.browser, stage.waypost.origin);
  watch.expect(/401/);
  await page.goto(link);
  await page.getByRole("button").first().waitFor();
  await look(page, watch, "setup");
  await page.getByLabel("Name").fill(ADMIN.name);
  for (const field of await page.locator("input[type=password]").all()) await field.fill(ADMIN.password);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Overview" }).waitFor();
  await watch.clean();
  await page.context().close();
});

test("the link works once", async () => {
  const { page, watch } = await open(stage.browser, stage.waypost.origin);
  watch.expect(/40[0-9]/);
  await page.goto(stage.waypost.setupLink ?? "");
  await page.getByLabel("Name").fill("mallory");
  for (const field of await page.locator("input[type=password]").all()) await field.fill(ADMIN.password);
  await page.keyboard.press("Enter");
  await page.getByRole("alert").first().waitFor();
  await watch.clean();
  await page.context().close();
});

test("a wrong password is told, the right one opens, and logging out closes", async () => {
  const { page, watch } = await open(stage.browser, stage.waypost.origin);
  watch.expect(/401/);
  await page.goto("/queue");
  await page.getByLabel("Name").fill(ADMIN.name);
  await page.locator("input[type=password]").fill("guessed wrongly 12");
  await page.keyboard.press("Enter");
  await page.getByRole("alert").first().waitFor();
  await look(page, watch, "login-refused");
  await page.locator("input[type=password]").fill(ADMIN.password);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Queued" }).waitFor();
  await page.getByRole("button", { name: new RegExp(ADMIN.name) }).click();
  await page.getByRole("menuitem", { name: "Log out" }).click();
  await page.locator("input[type=password]").waitFor();
  await watch.clean();
  await page.context().close();
});
