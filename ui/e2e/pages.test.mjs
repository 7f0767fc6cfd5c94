// Every page of settings and management as it looks, in both widths and both schemes.
// @ts-check

import { test } from "node:test";
import { look } from "./lib/browser.mjs";
import { branch, relay, settings } from "./lib/settings.mjs";
import { Stage } from "./lib/stage.mjs";

const stage = await Stage.start({
  settings: settings({
    routes: [
      relay("smarthost", 2525, {
        description: "Our provider",
        authUsername: "me",
        authSecret: { "@type": "Value", secret: "the canary 1f0c" },
        allowPlaintextAuth: true,
      }),
    ],
    branches: [branch("partner.test", "smarthost")],
    objects: {
      MtaInboundThrottle: [
        { description: "per client", key: ["remoteIp"], rate: { count: 500, period: 1_000 } },
        {
          description: "per sender",
          key: ["senderDomain"],
          rate: { count: 25, period: 3_600_000 },
          enable: false,
        },
      ],
      MtaQueueQuota: [{ description: "big senders", key: ["senderDomain"], messages: 100_000 }],
    },
  }),
});
await stage.begin();

const first = async (/** @type {string} */ type) =>
  (await stage.call(`x:${type}/get`, { ids: null })).list.at(-1).id;

/** @type {[name: string, path: () => Promise<string> | string, seen: string][]} */
const PAGES = [
  ["routes", () => "/settings/routes", "smarthost"],
  ["route", async () => `/settings/routes/${await first("MtaRoute")}`, "Used by"],
  ["route-new", () => "/settings/routes/new", "New route"],
  ["strategy", () => "/settings/strategy", "Strategy"],
  ["schedules", () => "/settings/schedules", "Delivery Schedules"],
  ["schedule", async () => `/settings/schedules/${await first("MtaDeliverySchedule")}`, "Give up"],
  ["virtual-queues", () => "/settings/queues", "Virtual Queues"],
  ["connection", () => "/settings/connection", "Connection Strategies"],
  ["connection-one", async () => `/settings/connection/${await first("MtaConnectionStrategy")}`, "Patience"],
  ["tls", () => "/settings/tls", "TLS Strategies"],
  ["rates", () => "/settings/limits", "Rates & Quotas"],
  ["rates-inbound", () => "/settings/limits/inbound", "per client"],
  ["rate", async () => `/settings/limits/inbound/${await first("MtaInboundThrottle")}`, "Counted by"],
  ["dkim", () => "/settings/dkim", "DKIM"],
  ["dkim-new", () => "/settings/dkim/new", "Make a key"],
  ["reports", () => "/settings/reports", "Notifications (DSN)"],
  ["access", () => "/settings/access", "Administrators"],
  ["tokens", () => "/settings/access/tokens", "None yet"],
  ["roles", () => "/settings/access/roles", "operator"],
  ["password", () => "/settings/access/password", "Present password"],
  ["more", () => "/settings/more", "Names of this server"],
  ["more-system", () => "/settings/more/SystemSettings", "Host name"],
  ["more-extensions", () => "/settings/more/MtaExtensions", "MT-PRIORITY"],
  ["revisions", () => "/settings/revisions", "Revisions"],
  ["domains", () => "/domains", "here.test"],
  ["domain-new", () => "/domains/new", "New domain"],
  ["accounts", () => "/accounts", "ann@here.test"],
  ["account", async () => `/accounts/${await first("Account")}`, "A secret is set"],
  ["audit", () => "/audit", "Audit"],
  ["nowhere", () => "/nowhere", "There is no such page"],
];

for (const [name, path, seen] of PAGES) {
  test(`${name} is shown, accessible and fits`, async () => {
    const { page, watch, context } = await stage.page();
    await page.goto(await path());
    await page.locator("main").getByText(seen).first().waitFor();
    await page.waitForLoadState("networkidle");
    await look(page, watch, name);
    await context.close();
  });
}
