// A point in time beside the present; the title says it in full, with its zone.

import { useSyncExternalStore } from "react";
import { absolute, relative } from "./time";
import type { At } from "./types";

const TICK_MS = 1_000;

let present = new Date();
let timer: ReturnType<typeof setInterval> | undefined;
const watchers = new Set<() => void>();

/** The present, to the second; all that show it tick together. */
export function useNow(): Date {
  return useSyncExternalStore(watch, () => present);
}

function watch(changed: () => void): () => void {
  watchers.add(changed);
  timer ??= setInterval(() => {
    present = new Date();
    for (const tell of watchers) tell();
  }, TICK_MS);
  return () => {
    watchers.delete(changed);
    if (watchers.size === 0 && timer !== undefined) {
      clearInterval(timer);
      timer = undefined;
    }
  };
}

/** `in 3 min`, with the full time as its title; `both` shows the full time too. */
export function When({
  at,
  both = false,
  none = "never",
}: {
  at: At | null | undefined;
  both?: boolean;
  none?: string;
}) {
  const now = useNow();
  if (at === null || at === undefined) return <span>{none}</span>;
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return <span>{none}</span>;
  const full = absolute(date);
  return (
    <time dateTime={date.toISOString()} title={full} className="when">
      {relative(date, now)}
      {both && <span className="when-full">{` · ${full}`}</span>}
    </time>
  );
}
