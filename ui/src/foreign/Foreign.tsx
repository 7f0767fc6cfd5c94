// Shows a text that a stranger wrote: it cannot run, cannot reorder what stands beside it, and hides nothing.

import { useState } from "react";
import "./foreign.css";
import { beginning, type Piece, pieces, revealed, SHOWN_MAX } from "./reveal";
import { mixture, stretches } from "./scripts";

/** One line of foreign text. `quiet`: what is cut off cannot be asked for, as within a link or a row. */
export function Foreign({
  text,
  max = SHOWN_MAX,
  quiet = false,
}: {
  text: string;
  max?: number;
  quiet?: boolean;
}) {
  const cut = useCut(text, max, quiet);
  return (
    <bdi className="foreign" dir="ltr">
      <Pieces all={pieces(cut.text)} />
      {cut.more}
    </bdi>
  );
}

/** Several lines of foreign text, such as a dialogue or a header field. */
export function ForeignLines({ text, max = 20_000 }: { text: string; max?: number }) {
  const cut = useCut(text.replaceAll("\r\n", "\n"), max, false);
  return (
    <bdi className="foreign foreign-lines" dir="ltr">
      <Pieces all={pieces(cut.text, "many")} />
      {cut.more}
    </bdi>
  );
}

/** An address; letters of another alphabet are marked, and a mixture is said in words. */
export function Address({ text, max = 320, quiet = false }: { text: string; max?: number; quiet?: boolean }) {
  const cut = useCut(text, max, quiet);
  if (text === "" || text === "<>")
    return (
      <span className="foreign-null" title="the null reverse-path: nobody is told">
        {"<>"}
      </span>
    );
  const mixed = mixture(text);
  return (
    <bdi className="foreign" dir="ltr">
      {stretches(cut.text).map((stretch, index) =>
        stretch.script === undefined ? (
          <Pieces key={`${index}`} all={pieces(stretch.text)} />
        ) : (
          <span
            key={`${index}`}
            className="foreign-script"
            title={`${stretch.script}: ${codes(stretch.text)}`}
          >
            <Pieces all={pieces(stretch.text)} />
          </span>
        ),
      )}
      {mixed.length > 0 && (
        <span className="foreign-mixed" title="letters of several alphabets may look like another address">
          {` mixes ${mixed.join(" and ")}`}
        </span>
      )}
      {cut.more}
    </bdi>
  );
}

/** The text for a `title` or an `aria-label`: the same, with the codes in brackets. */
export { revealed };

function Pieces({ all }: { all: Piece[] }) {
  return all.map((piece, index) =>
    piece.mark === undefined ? (
      piece.text
    ) : (
      <span key={`${index}`} className="foreign-mark" title={piece.mark}>
        {piece.text}
      </span>
    ),
  );
}

function useCut(text: string, max: number, quiet: boolean) {
  const [whole, setWhole] = useState(false);
  const cut = whole ? { text, left: 0 } : beginning(text, max);
  if (quiet) return { text: cut.text, more: cut.left > 0 && "…" };
  const more = cut.left > 0 && (
    <button
      type="button"
      className="foreign-more"
      onClick={(event) => {
        event.stopPropagation();
        setWhole(true);
      }}
    >
      {`… ${cut.left.toLocaleString("en")} more characters`}
    </button>
  );
  return { text: cut.text, more };
}

function codes(text: string): string {
  const all = [...text]
    .slice(0, 12)
    .map(
      (letter) => `${letter} U+${(letter.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`,
    );
  return all.join(", ");
}
