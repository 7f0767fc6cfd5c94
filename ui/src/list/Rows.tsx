// Shows a list of any length: only the rows in sight exist, and the keyboard walks over all of them.

import { type ReactNode, useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";
import "./rows.css";
import { useKeys } from "./useKeys";

/** Rows beyond the edges that exist already, so that scrolling shows no gaps. */
const BEYOND = 8;

export type Range = { first: number; last: number };

export type RowsProps = {
  label: string;
  total: number;
  rowHeight: number;
  /** What a row shows; `focused` if the keyboard stands on it. */
  render: (index: number) => ReactNode;
  onRange: (range: Range) => void;
  /** Whether a row is selected; undefined if rows cannot be. */
  selected?: (index: number) => boolean;
  onToggle?: (index: number) => void;
  onOpen: (index: number) => void;
  keys?: Record<string, (index: number) => void>;
};

/** A grid of rows in a box of its own that scrolls. */
export function Rows(props: RowsProps) {
  const { total, rowHeight, onRange } = props;
  const box = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ top: 0, height: 600 });
  const [at, setAt] = useState(-1);
  const current = Math.min(at, total - 1);
  const first = Math.max(0, Math.floor(view.top / rowHeight) - BEYOND);
  const last = Math.min(total - 1, Math.ceil((view.top + view.height) / rowHeight) + BEYOND);

  const look = useCallback(() => {
    const element = box.current;
    if (element) setView({ top: element.scrollTop, height: element.clientHeight });
  }, []);
  useLayoutEffect(() => {
    look();
    const observer = new ResizeObserver(look);
    if (box.current) observer.observe(box.current);
    return () => observer.disconnect();
  }, [look]);
  useEffect(() => onRange({ first, last: Math.max(first, last) }), [first, last, onRange]);

  const go = (index: number) => {
    const next = Math.max(0, Math.min(total - 1, index));
    setAt(next);
    const element = box.current;
    if (!element) return;
    const top = next * rowHeight;
    if (top < element.scrollTop) element.scrollTop = top;
    else if (top + rowHeight > element.scrollTop + element.clientHeight) {
      element.scrollTop = top + rowHeight - element.clientHeight;
    }
  };
  const page = Math.max(1, Math.floor(view.height / rowHeight) - 1);
  const own = Object.entries(props.keys ?? {}).map(([key, act]): [string, () => void] => [
    key,
    () => current >= 0 && act(current),
  ]);
  useKeys(
    new Map<string, () => void>([
      ["j", () => go(current + 1)],
      ["ArrowDown", () => go(current + 1)],
      ["k", () => go(current - 1)],
      ["ArrowUp", () => go(current - 1)],
      ["PageDown", () => go(current + page)],
      ["PageUp", () => go(current - page)],
      ["Home", () => go(0)],
      ["End", () => go(total - 1)],
      ["x", () => current >= 0 && props.onToggle?.(current)],
      ["Enter", () => current >= 0 && props.onOpen(current)],
      ...own,
    ]),
  );

  const rows = [];
  for (let index = first; index <= last; index += 1) {
    const marked = props.selected?.(index);
    rows.push(
      <div
        key={index}
        id={`row-${index}`}
        role="row"
        tabIndex={-1}
        aria-rowindex={index + 1}
        aria-selected={marked}
        data-focused={index === current || undefined}
        className="rows-row"
        style={{ height: rowHeight, transform: `translateY(${index * rowHeight}px)` }}
        onClick={(event) => {
          if ((event.target as HTMLElement).closest("a, button, input, label") !== null) return;
          setAt(index);
          props.onOpen(index);
        }}
        onKeyDown={() => {}}
      >
        {props.render(index)}
      </div>,
    );
  }
  return (
    <div
      ref={box}
      className="rows"
      role="grid"
      aria-label={props.label}
      aria-rowcount={total}
      aria-multiselectable={props.onToggle !== undefined}
      aria-activedescendant={current >= first && current <= last ? `row-${current}` : undefined}
      tabIndex={0}
      onScroll={look}
    >
      <div className="rows-all" role="rowgroup" style={{ height: total * rowHeight }}>
        {rows}
      </div>
    </div>
  );
}
