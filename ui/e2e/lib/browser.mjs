// Debian's Chromium with eyes: an error on the console, a broken policy, a dialog or a request to elsewhere fails a test.
// @ts-check

import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { PATIENCE_MS } from "./wait.mjs";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const require = createRequire(import.meta.url);
const AXE = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

/** Where screenshots go; not committed. */
export const SHOTS = process.env.WAYPOST_SHOTS ?? resolve(HERE, "../shots");

/** The widths that every page is looked at in. */
export const WIDE = { width: 1280, height: 900 };
export const NARROW = { width: 360, height: 760 };

/** Pixels of a picture; more cannot be looked at. */
const SHOT_HEIGHT_MAX = 2_200;

/** @returns {Promise<import("playwright-core").Browser>} */
export function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-dev-shm-usage"],
  });
}

/**
 * A page of its own that watches itself.
 *
 * @param {import("playwright-core").Browser} browser
 * @param {string} origin
 * @param {{ viewport?: { width: number, height: number }, colorScheme?: "light" | "dark" }} [options]
 */
export async function open(browser, origin, options = {}) {
  const context = await browser.newContext({
    baseURL: origin,
    viewport: WIDE,
    acceptDownloads: true,
    ...options,
  });
  context.setDefaultTimeout(PATIENCE_MS);
  const page = await context.newPage();
  const watch = new Watch(page, origin);
  await watch.begin();
  return { page, watch, context };
}

export class Watch {
  /** @type {string[]} */
  seen = [];
  /** @type {RegExp[]} */
  #expected = [];

  /**
   * @param {import("playwright-core").Page} page
   * @param {string} origin
   */
  constructor(page, origin) {
    this.page = page;
    this.origin = origin;
  }

  async begin() {
    const { page, origin } = this;
    page.on("console", (message) => {
      if (message.type() === "error")
        this.seen.push(`console: ${message.text()} (${message.location().url})`);
    });
    page.on("pageerror", (error) => this.seen.push(`error: ${error.message}\n${error.stack ?? ""}`));
    page.on("dialog", (dialog) => {
      this.seen.push(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    page.on("popup", (popup) => this.seen.push(`popup: ${popup.url()}`));
    page.on("request", (request) => {
      const url = request.url();
      if (!url.startsWith(`${origin}/`) && !/^(data|blob):/.test(url))
        this.seen.push(`request to elsewhere: ${url}`);
    });
    page.on("response", (response) => {
      if (response.status() >= 500) this.seen.push(`${response.status()} from ${response.url()}`);
    });
    await page.addInitScript(() => {
      const global = /** @type {any} */ (window);
      global.violations = [];
      document.addEventListener("securitypolicyviolation", (event) => {
        global.violations.push(
          `${event.violatedDirective} blocked ${event.blockedURI} ${event.sourceFile ?? ""}`,
        );
      });
    });
  }

  /**
   * From here on such a message is no finding: the test provokes it.
   *
   * @param {RegExp} pattern
   */
  expect(pattern) {
    this.#expected.push(pattern);
  }

  /** Fails if anything was wrong since it was asked last. */
  async clean() {
    const violations = await this.page.evaluate(() => {
      const global = /** @type {any} */ (window);
      const all = global.violations ?? [];
      global.violations = [];
      return all;
    });
    const found = [...this.seen, ...violations.map((/** @type {string} */ text) => `CSP: ${text}`)];
    this.seen = [];
    const bad = found.filter((text) => !this.#expected.some((pattern) => pattern.test(text)));
    if (bad.length > 0) throw new Error(`${this.page.url()}:\n${bad.join("\n")}`);
  }
}

/**
 * Fails on what axe calls serious or critical.
 *
 * @param {import("playwright-core").Page} page
 */
export async function accessible(page) {
  await calm(page);
  await page.evaluate(AXE);
  const serious = await page.evaluate(async () => {
    const { violations } = await /** @type {any} */ (window).axe.run(document, {
      resultTypes: ["violations"],
    });
    return violations
      .filter((/** @type {any} */ violation) => ["serious", "critical"].includes(violation.impact))
      .map((/** @type {any} */ violation) => ({
        id: violation.id,
        help: violation.help,
        nodes: violation.nodes
          .slice(0, 5)
          .map(
            (/** @type {any} */ node) =>
              `${node.html.slice(0, 240)}\n      ${(node.failureSummary ?? "").replaceAll("\n", " ").slice(0, 300)}`,
          ),
      }));
  });
  if (serious.length > 0) {
    const lines = serious.map(
      (/** @type {any} */ one) => `${one.id}: ${one.help}\n    ${one.nodes.join("\n    ")}`,
    );
    throw new Error(`axe at ${page.url()}:\n${lines.join("\n")}`);
  }
}

/**
 * Waits until nothing moves any more: transitions and animations have ended.
 *
 * @param {import("playwright-core").Page} page
 */
export async function calm(page) {
  await page.waitForFunction(() =>
    document
      .getAnimations()
      .every(
        (animation) =>
          animation.playState !== "running" || animation.effect?.getTiming().iterations === Infinity,
      ),
  );
}

/**
 * Changes the scheme and waits until the page has.
 *
 * @param {import("playwright-core").Page} page
 * @param {"light" | "dark"} colorScheme
 */
export async function paint(page, colorScheme) {
  await page.emulateMedia({ colorScheme });
  await page.waitForFunction(
    (scheme) => document.documentElement.getAttribute("data-mantine-color-scheme") === scheme,
    colorScheme,
  );
  await calm(page);
}

/**
 * Takes a picture of a page in both widths and both schemes.
 *
 * @param {import("playwright-core").Page} page
 * @param {string} name
 */
export async function shoot(page, name) {
  mkdirSync(SHOTS, { recursive: true });
  const before = page.viewportSize() ?? WIDE;
  for (const [width, viewport] of /** @type {const} */ ([
    ["1280", WIDE],
    ["360", NARROW],
  ])) {
    await page.setViewportSize(viewport);
    for (const colorScheme of /** @type {const} */ (["light", "dark"])) {
      await paint(page, colorScheme);
      const height = await page.evaluate(() => document.documentElement.scrollHeight);
      await page.screenshot({
        path: join(SHOTS, `${name}-${width}-${colorScheme}.png`),
        fullPage: true,
        clip: { x: 0, y: 0, width: viewport.width, height: Math.min(height, SHOT_HEIGHT_MAX) },
      });
    }
    if (viewport === NARROW) await fits(page);
  }
  await paint(page, "light");
  await page.setViewportSize(before);
}

/**
 * Fails if a page must be scrolled sideways.
 *
 * @param {import("playwright-core").Page} page
 */
export async function fits(page) {
  const over = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  if (over > 0) throw new Error(`${page.url()} is ${over} px wider than the window`);
}

/**
 * Looks at a page as it is: axe in both schemes, pictures, and nothing wrong so far.
 *
 * @param {import("playwright-core").Page} page
 * @param {Watch} watch
 * @param {string} name
 */
export async function look(page, watch, name) {
  await accessible(page);
  await paint(page, "dark");
  await accessible(page);
  await paint(page, "light");
  await shoot(page, name);
  await watch.clean();
}
