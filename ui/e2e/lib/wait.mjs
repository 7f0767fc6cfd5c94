// Waits for conditions, never for time to pass.
// @ts-check

/** Milliseconds between two looks. */
const LOOK_MS = 25;

/** Milliseconds that a condition may take unless the caller says otherwise. */
export const PATIENCE_MS = 20_000;

/**
 * The first answer of `look` that is neither `undefined`, `null` nor `false`; an error that says what was awaited.
 *
 * @template T
 * @param {string} what
 * @param {() => T | Promise<T>} look
 * @param {number} [patience]
 * @returns {Promise<NonNullable<T>>}
 */
export async function until(what, look, patience = PATIENCE_MS) {
  const end = Date.now() + patience;
  let last;
  for (;;) {
    try {
      const seen = await look();
      if (seen !== undefined && seen !== null && seen !== false) return /** @type {any} */ (seen);
      last = undefined;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end) {
      const why = last instanceof Error ? `: ${last.message}` : "";
      throw new Error(`waited ${patience} ms in vain until ${what}${why}`, { cause: last });
    }
    await new Promise((wake) => setTimeout(wake, LOOK_MS));
  }
}
