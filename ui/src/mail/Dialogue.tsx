// Shows an SMTP dialogue: who said what, in the words that were on the wire.

import { ForeignLines } from "../foreign/Foreign";
import "./dialogue.css";
import { clock } from "./time";
import type { DialogueLine } from "./types";

const OURS = new Set(["us", "client", "we", "ours", "c"]);

/** The lines of a dialogue; ours and theirs look different and are named for who cannot see it. */
export function Dialogue({ lines, label }: { lines: readonly DialogueLine[]; label: string }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and the keyboard must be able to
    <ol className="dialogue" aria-label={label} tabIndex={0}>
      {lines.map((line, index) => {
        const ours = OURS.has(line.side.toLowerCase());
        return (
          <li key={`${index}`} className="dialogue-line" data-side={ours ? "us" : "peer"}>
            {line.at && <time dateTime={line.at}>{clock(new Date(line.at), new Date(line.at))}</time>}
            <span className="dialogue-side">{ours ? "→ we" : "← peer"}</span>
            <code>
              <ForeignLines text={line.line} max={4_000} />
            </code>
          </li>
        );
      })}
    </ol>
  );
}
