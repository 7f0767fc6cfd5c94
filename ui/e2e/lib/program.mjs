// The real `waypost serve`, on free ports, with its files in a folder of the test.
// @ts-check

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { until } from "./wait.mjs";

const HERE = fileURLToPath(new URL(".", import.meta.url));

/** The program: where `WAYPOST_BINARY` says, or where cargo puts it. */
export const BINARY = process.env.WAYPOST_BINARY ?? resolve(HERE, "../../../target/debug/waypost");

/** What the tests' administrator is called. */
export const ADMIN = { name: "admin", password: "correct horse battery 17" };

export class Waypost {
  /** @type {import("node:child_process").ChildProcess | undefined} */
  #child;
  /** @type {Record<string, unknown>[]} */
  log = [];
  /** @type {string[]} */
  noise = [];

  /** @param {{ settings: unknown, boot?: string }} setup */
  constructor({ settings, boot = "" }) {
    if (!existsSync(BINARY)) throw new Error(`${BINARY} is not built: cargo build -p server`);
    this.folder = mkdtempSync(join(tmpdir(), "waypost-ui-"));
    mkdirSync(join(this.folder, "data"), { mode: 0o700 });
    writeFileSync(join(this.folder, "data/settings.json"), JSON.stringify(settings), { mode: 0o600 });
    writeFileSync(join(this.folder, "waypost.toml"), bootFile(boot));
  }

  /** Starts it, again if it ran before, and waits until it listens. */
  async run() {
    this.log = [];
    this.noise = [];
    const child = spawn(BINARY, ["serve", "--config", "waypost.toml"], {
      cwd: this.folder,
      env: { ...process.env, NO_COLOR: "1" },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) this.#read(stream);
    await until("the program listens", () => {
      if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}\n${this.said()}`);
      return this.#port("smtp") && this.#admin();
    });
    return this;
  }

  /** Where mail is taken. */
  get smtpPort() {
    const port = this.#port("smtp");
    if (!port) throw new Error(`the log does not say where mail is taken\n${this.said()}`);
    return port;
  }

  /** The origin of the user interface, such as `http://127.0.0.1:40123`. */
  get origin() {
    const origin = this.#admin();
    if (!origin) throw new Error(`the log does not say where the user interface is\n${this.said()}`);
    return origin;
  }

  /** The one-time link that sets the first password, if it was said. */
  get setupLink() {
    return this.said().match(/https?:\/\/[^\s"]+\/setup#[A-Za-z0-9_-]+/)?.[0];
  }

  /** All that it has said. */
  said() {
    return [...this.log.map((line) => JSON.stringify(line)), ...this.noise].join("\n");
  }

  /** SIGTERM, and its exit status. */
  async stop() {
    await this.#end("SIGTERM");
  }

  /** `kill -9`. */
  async kill() {
    await this.#end("SIGKILL");
  }

  /** Ends it and removes its files. */
  async drop() {
    await this.#end("SIGTERM");
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** @param {NodeJS.Signals} signal */
  async #end(signal) {
    const child = this.#child;
    this.#child = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill(signal);
    const late = setTimeout(() => child.kill("SIGKILL"), 15_000);
    await ended;
    clearTimeout(late);
  }

  /** @param {import("node:stream").Readable | null} stream */
  #read(stream) {
    if (!stream) return;
    createInterface({ input: stream }).on("line", (line) => {
      try {
        this.log.push(JSON.parse(line));
      } catch {
        this.noise.push(line);
      }
    });
  }

  /** @param {string} listener */
  #port(listener) {
    const line = this.log.find((entry) => entry.message === "listening" && entry.listener === listener);
    return line && Number(String(line.address).split(":").pop());
  }

  #admin() {
    const line = this.log.find((entry) => entry.message === "the management API is here");
    return line && `http://${line.address}`;
  }
}

/** @param {string} more */
function bootFile(more) {
  return `data_directory = "data"
hostname = "mx.here.test"
relay_networks = ["127.0.0.0/8"]

[[listener]]
name = "smtp"
bind = "127.0.0.1:0"

[admin]
bind = "127.0.0.1:0"

[log]
format = "json"

${more}
`;
}

/**
 * Sets the first password through the one-time link, as the setup page does.
 *
 * @param {Waypost} waypost
 */
export async function setFirstPassword(waypost) {
  const token = waypost.setupLink?.split("#")[1];
  if (!token) throw new Error(`no one-time link was said\n${waypost.said()}`);
  const response = await fetch(`${waypost.origin}/auth/setup`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-waypost": "ui", origin: waypost.origin },
    body: JSON.stringify({ token, ...ADMIN }),
  });
  if (!response.ok) throw new Error(`/auth/setup: ${response.status} ${await response.text()}`);
}
