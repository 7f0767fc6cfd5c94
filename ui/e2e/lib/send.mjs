// Hands mail to the program over SMTP, many messages on one connection.
// @ts-check

import { connect } from "node:net";

/**
 * @typedef {{ from: string, to: string | string[], content?: string, utf8?: boolean }} Mail
 */

/** A client that pipelines: the fastest way through the program's own door. */
export class Client {
  #buffer = "";
  /** @type {((reply: string) => void)[]} */
  #waiting = [];
  /** @type {(error: Error) => void} */
  #fail = () => {};

  /** @param {import("node:net").Socket} socket */
  constructor(socket) {
    this.socket = socket;
    socket.on("data", (bytes) => this.#read(bytes.toString("utf8")));
    socket.on("error", (error) => this.#fail(error));
    this.failed = new Promise((_, failed) => {
      this.#fail = failed;
    });
    this.failed.catch(() => {});
  }

  /** @param {number} port */
  static async connect(port) {
    const client = new Client(connect(port, "127.0.0.1"));
    await client.reply();
    await client.command("EHLO client.test");
    return client;
  }

  /** @returns {Promise<string>} */
  reply() {
    return Promise.race([
      new Promise((done) => this.#waiting.push(/** @type {any} */ (done))),
      /** @type {Promise<never>} */ (this.failed),
    ]);
  }

  /** @param {string} line */
  command(line) {
    this.socket.write(`${line}\r\n`);
    return this.reply();
  }

  /**
   * The reply to the final dot, or the first that refuses.
   *
   * @param {Mail} mail
   */
  async send({ from, to, content = "Subject: test\r\n\r\nHello.", utf8 = false }) {
    const recipients = Array.isArray(to) ? to : [to];
    const lines = [`MAIL FROM:<${from}>${utf8 ? " SMTPUTF8" : ""}`];
    lines.push(...recipients.map((recipient) => `RCPT TO:<${recipient}>`), "DATA");
    const replies = lines.map(() => this.reply());
    this.socket.write(`${lines.join("\r\n")}\r\n`);
    for (const reply of await Promise.all(replies)) {
      if (!/^[23]/.test(reply)) {
        await this.command("RSET").catch(() => {});
        return reply;
      }
    }
    return this.command(`${content.replace(/^\./gm, "..")}\r\n.`);
  }

  end() {
    this.socket.end("QUIT\r\n");
  }

  /** @param {string} text */
  #read(text) {
    this.#buffer += text;
    for (;;) {
      const reply = this.#buffer.match(/^(?:\d{3}-[^\r\n]*\r\n)*\d{3}(?: [^\r\n]*)?\r\n/);
      if (!reply) return;
      this.#buffer = this.#buffer.slice(reply[0].length);
      this.#waiting.shift()?.(reply[0].trimEnd());
    }
  }
}

/**
 * Sends one message and insists that it is taken.
 *
 * @param {number} port
 * @param {Mail} mail
 */
export async function send(port, mail) {
  const client = await Client.connect(port);
  const reply = await client.send(mail);
  client.end();
  if (!reply.startsWith("250")) throw new Error(`the mail was not taken: ${reply}`);
  return reply;
}
