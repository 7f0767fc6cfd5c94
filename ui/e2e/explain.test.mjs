// Explain in the browser: the decision as a tree, the branch that fired, hosts and security.
// @ts-check

import { test } from "node:test";
import { look } from "./lib/browser.mjs";
import { branch, relay, settings } from "./lib/settings.mjs";
import { Stage } from "./lib/stage.mjs";

const stage = await Stage.start({
  settings: settings({
    routes: [relay("smart", 2525, { description: "<img src=x onerror=alert(1)>" })],
    branches: [branch("smart.test", "smart")],
  }),
});
await stage.begin();
const { page, watch } = await stage.page();

test("says which way and why, for several recipients", async () => {
  await page.goto("/explain");
  await page.getByLabel("From").fill("sender@here.test");
  await page.getByLabel("To", { exact: true }).fill("a@smart.test, ann@here.test nobody@here.test");
  await page.getByRole("button", { name: "Explain", exact: true }).click();
  const first = page.getByRole("region", { name: "Explanation for a@smart.test" });
  await first.getByText("true: fired").first().waitFor();
  await first.getByText("127.0.0.1:2525").waitFor();
  await page.getByRole("region", { name: "Explanation for nobody@here.test" }).getByText("refused").waitFor();
  await look(page, watch, "explain");
});

test("the question stands in the URL, with all that may be said", async () => {
  await page.goto("/explain?from=x@y.test&to=a@smart.test&retry=2&error=tls&size=5000&header=X-A:%201");
  await page.getByRole("region", { name: "Explanation for a@smart.test" }).waitFor();
  await page.getByLabel("Header fields").waitFor();
  await look(page, watch, "explain-more");
});

test("what makes no sense is told", async () => {
  watch.expect(/4\d\d/);
  await page.goto("/explain?from=x@y.test&to=a@smart.test&ip=not-an-address");
  await page.getByRole("alert").first().waitFor();
  await look(page, watch, "explain-refused");
});
