// Where in a text is a place? The server counts bytes of UTF-8, the editor units of UTF-16.

const encoder = new TextEncoder();

/** The bytes before a position of the editor. */
export function bytesAt(text: string, position: number): number {
  return encoder.encode(text.slice(0, position)).length;
}

/** The position in the editor that has so many bytes before it; within a character, where the character begins. */
export function positionAt(text: string, bytes: number): number {
  let position = 0;
  let before = 0;
  for (const character of text) {
    before += encoder.encode(character).length;
    if (before > bytes) break;
    position += character.length;
  }
  return position;
}
