// Shows an SMTP dialogue: who said what, in the words that were on the wire.

import { ForeignLines } from "../foreign/Foreign";
import "./dialogue.css";
import { clock } from "./time";
import type { DialogueLine } from "./types";

/** Who speaks: we are the client. A note is what happened between the lines, such as a handshake. */
const SIDES: Record<string, { side: string; words: string }> = {
  client: { side: "us", words: "→ we" },
  server: { side: "peer", words: "← peer" },
  us: { side: "us", words: "→ we" },
  peer: { side: "peer", words: "← peer" },
};
const NOTE = { side: "note", words: "· note" };

/** The lines of a dialogue; ours and theirs look different and are named for who cannot see it. */
export function Dialogue({ lines, label }: { lines: readonly DialogueLine[]; label: string }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and the keyboard must be able to
    <ol className="dialogue" aria-label={label} tabIndex={0}>
      {lines.map((line, index) => {
        const { side, words } = SIDES[line.side] ?? NOTE;
        return (
          <li key={`${index}`} className="dialogue-line" data-side={side}>
            {line.at && <time dateTime={line.at}>{clock(new Date(line.at), new Date(line.at))}</time>}
            <span className="dialogue-side">{words}</span>
            <code>
              <ForeignLines text={line.line} max={4_000} />
            </code>
          </li>
        );
      })}
    </ol>
  );
}
