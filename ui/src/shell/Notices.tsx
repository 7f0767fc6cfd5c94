// What must every page tell, whichever it is?

/** A change that waits to be confirmed, and other things that do not wait until one looks for them. */
export function Notices() {
  return null;
}
