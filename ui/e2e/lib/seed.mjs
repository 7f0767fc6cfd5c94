// Fills the queue through the program's own door, many connections at once.
// @ts-check

import { Client } from "./send.mjs";

/** Connections at once; below the program's own bound for one client. */
const CONNECTIONS = 16;
/** Messages in one session, below the program's own bound. */
const MESSAGES_PER_SESSION = 500;

/**
 * Sends `count` messages made by `make`; gives the milliseconds that it took.
 *
 * @param {number} port
 * @param {number} count
 * @param {(index: number) => import("./send.mjs").Mail} make
 */
export async function seed(port, count, make) {
  const begun = Date.now();
  let next = 0;
  async function work() {
    while (next < count) {
      const client = await Client.connect(port);
      for (let sent = 0; sent < MESSAGES_PER_SESSION && next < count; sent += 1) {
        const reply = await client.send(make(next++));
        if (!reply.startsWith("250")) throw new Error(`message ${next} was not taken: ${reply}`);
      }
      client.end();
    }
  }
  await Promise.all(Array.from({ length: CONNECTIONS }, work));
  return Date.now() - begun;
}
