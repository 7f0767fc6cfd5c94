// Help in words, with names of settings in the type of code.

/** A text in which names stand in backticks. */
export function Help({ text }: { text: string }) {
  return text.split("`").map((part, place) => (place % 2 === 1 ? <code key={place}>{part}</code> : part));
}
