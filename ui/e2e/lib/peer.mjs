// An SMTP server that answers as a test tells it: accept, refuse, put off, be slow, hang up.
// @ts-check

import { createServer } from "node:net";

/**
 * What is answered. Each member is a reply text (`451 4.3.0 later`), `"drop"` (hang up), `"stall"` (say nothing), or a
 * function of the argument that gives one of them. What is not said is accepted.
 *
 * @typedef {string | ((argument: string) => string | undefined)} Answer
 * @typedef {{ greeting?: Answer, ehlo?: Answer, mail?: Answer, rcpt?: Answer, data?: Answer, dot?: Answer }} Script
 * @typedef {{ from: string, to: string[], content: string }} Taken
 */

export class Peer {
  /** @type {Taken[]} */
  taken = [];
  connections = 0;
  /** @type {Set<import("node:net").Socket>} */
  #sockets = new Set();
  /** @type {import("node:net").Server} */
  #server;

  /** @param {Script} script */
  constructor(script = {}) {
    this.script = script;
    this.#server = createServer((socket) => this.#serve(socket));
  }

  /** @returns {Promise<this>} */
  listen() {
    return new Promise((done, failed) => {
      this.#server.once("error", failed);
      this.#server.listen(0, "127.0.0.1", () => done(this));
    });
  }

  get port() {
    return /** @type {import("node:net").AddressInfo} */ (this.#server.address()).port;
  }

  /** Hangs up and listens no more. */
  close() {
    for (const socket of this.#sockets) socket.destroy();
    return new Promise((done) => this.#server.close(done));
  }

  /** @param {import("node:net").Socket} socket */
  #serve(socket) {
    this.connections += 1;
    this.#sockets.add(socket);
    socket.on("close", () => this.#sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    const session = new Session(this, socket);
    socket.on("data", (bytes) => session.read(bytes.toString("latin1")));
  }
}

class Session {
  #buffer = "";
  #inContent = false;
  /** @type {Taken} */
  #mail = { from: "", to: [], content: "" };

  /**
   * @param {Peer} peer
   * @param {import("node:net").Socket} socket
   */
  constructor(peer, socket) {
    this.peer = peer;
    this.socket = socket;
    this.#say("greeting", "", "220 peer.test ESMTP");
  }

  /** @param {string} text */
  read(text) {
    this.#buffer += text;
    for (;;) {
      const end = this.#buffer.indexOf(this.#inContent ? "\r\n.\r\n" : "\r\n");
      if (end < 0) return;
      const piece = this.#buffer.slice(0, end);
      this.#buffer = this.#buffer.slice(end + (this.#inContent ? 5 : 2));
      if (this.#inContent) this.#dot(piece);
      else this.#command(piece);
    }
  }

  /** @param {string} line */
  #command(line) {
    const verb = line.slice(0, 4).toUpperCase();
    const argument = line.slice(5);
    if (verb === "EHLO" || verb === "HELO" || verb === "LHLO") {
      this.#say("ehlo", argument, "250-peer.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SMTPUTF8");
    } else if (verb === "MAIL") {
      this.#mail = { from: address(argument), to: [], content: "" };
      this.#say("mail", address(argument), "250 2.1.0 ok");
    } else if (verb === "RCPT") {
      if (this.#say("rcpt", address(argument), "250 2.1.5 ok")) this.#mail.to.push(address(argument));
    } else if (verb === "DATA") {
      if (this.#mail.to.length === 0) this.#write("554 5.5.1 no valid recipients");
      else this.#inContent = this.#say("data", "", "354 go ahead");
    } else if (verb === "QUIT") {
      this.#write("221 2.0.0 bye");
      this.socket.end();
    } else {
      this.#write("250 2.0.0 ok");
    }
  }

  /** @param {string} content */
  #dot(content) {
    this.#inContent = false;
    this.#mail.content = content;
    if (this.#say("dot", content, "250 2.0.0 taken")) this.peer.taken.push(this.#mail);
  }

  /**
   * Answers; true if the answer is a good one.
   *
   * @param {keyof Script} stage
   * @param {string} argument
   * @param {string} usual
   */
  #say(stage, argument, usual) {
    const scripted = this.peer.script[stage];
    const answer = (typeof scripted === "function" ? scripted(argument) : scripted) ?? usual;
    if (answer === "stall") return false;
    if (answer === "drop") {
      this.socket.destroy();
      return false;
    }
    this.#write(answer);
    return /^[23]/.test(answer);
  }

  /** @param {string} text */
  #write(text) {
    if (this.socket.writable) this.socket.write(Buffer.from(`${text}\r\n`, "utf8"));
  }
}

/** @param {string} argument */
function address(argument) {
  return argument.match(/<([^>]*)>/)?.[1] ?? argument;
}
