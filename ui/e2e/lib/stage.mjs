// The program, a browser and a person who is logged in, for one file of tests.
// @ts-check

import { after } from "node:test";
import { launch, open } from "./browser.mjs";
import { ADMIN, setFirstPassword, Waypost } from "./program.mjs";
import { until } from "./wait.mjs";

export class Stage {
  /** @type {(() => Promise<unknown>)[]} */
  #ends = [];

  /**
   * @param {Waypost} waypost
   * @param {import("playwright-core").Browser} browser
   */
  constructor(waypost, browser) {
    this.waypost = waypost;
    this.browser = browser;
    /** @type {string | undefined} */
    this.cookie = undefined;
  }

  /**
   * Starts all of it; it ends after the tests of the file.
   *
   * @param {{ settings: unknown, boot?: string }} setup
   */
  static async start(setup) {
    const waypost = await new Waypost(setup).run();
    const browser = await launch();
    const stage = new Stage(waypost, browser);
    after(async () => {
      await browser.close();
      for (const end of stage.#ends) await end();
      await waypost.drop();
    });
    return stage;
  }

  /** @param {() => Promise<unknown>} end */
  finally(end) {
    this.#ends.push(end);
  }

  /** Sets the first password and logs in without a browser, for what a test prepares. */
  async begin() {
    await setFirstPassword(this.waypost);
    this.cookie = await this.login(ADMIN.name, ADMIN.password);
    return this;
  }

  /**
   * The cookie of a new session.
   *
   * @param {string} name
   * @param {string} password
   */
  async login(name, password) {
    const { origin } = this.waypost;
    const response = await fetch(`${origin}/auth/login`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-waypost": "ui", origin },
      body: JSON.stringify({ name, password }),
    });
    if (!response.ok) throw new Error(`/auth/login: ${response.status} ${await response.text()}`);
    return response.headers
      .getSetCookie()
      .map((cookie) => cookie.split(";")[0])
      .join("; ");
  }

  /**
   * A page that watches itself, of somebody who is logged in.
   *
   * @param {{ viewport?: { width: number, height: number }, cookie?: string }} [options]
   */
  async page({ cookie = this.cookie, ...options } = {}) {
    const opened = await open(this.browser, this.waypost.origin, options);
    const [name, value] = (cookie ?? "").split(/=(.*)/s);
    if (name && value) await opened.context.addCookies([{ name, value, url: this.waypost.origin }]);
    return opened;
  }

  /**
   * Asks one method of the API; throws what it says if it does not.
   *
   * @param {string} method
   * @param {Record<string, unknown>} [args]
   * @param {string} [cookie]
   * @returns {Promise<any>}
   */
  async call(method, args = {}, cookie = this.cookie) {
    const { origin } = this.waypost;
    const response = await fetch(`${origin}/jmap`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-waypost": "ui", origin, cookie: cookie ?? "" },
      body: JSON.stringify({
        using: ["urn:ietf:params:jmap:core", "urn:stalwart:jmap", "urn:waypost:jmap"],
        methodCalls: [[method, args, "c0"]],
      }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method}: ${response.status} ${text}`);
    const [name, answer] = JSON.parse(text).methodResponses[0];
    if (name === "error") throw new Error(`${method}: ${JSON.stringify(answer)}`);
    return answer;
  }

  /**
   * Changes objects and insists that all are changed.
   *
   * @param {string} type
   * @param {Record<string, unknown>} change
   */
  async set(type, change) {
    const answer = await this.call(`x:${type}/set`, change);
    for (const part of ["notCreated", "notUpdated", "notDestroyed"]) {
      if (answer[part] && Object.keys(answer[part]).length > 0) {
        throw new Error(`x:${type}/set ${part}: ${JSON.stringify(answer[part])}`);
      }
    }
    return answer;
  }

  /**
   * Waits until the queue holds so many messages that match.
   *
   * @param {number} count
   * @param {Record<string, unknown>} [filter]
   */
  queued(count, filter = {}) {
    return until(`${count} messages are queued`, async () => {
      const answer = await this.call("x:QueuedMessage/query", { filter, limit: 200, calculateTotal: true });
      if (answer.total !== count) throw new Error(`there are ${answer.total}`);
      return answer.ids.length > 0 ? answer.ids : ["none"];
    });
  }
}
