// How are the next hops? Each in one word and one sentence, whatever else the server says about it.

import type { NextHop } from "./types";

export type NextHopState = {
  id: string;
  name: string;
  state: "up" | "down" | "paused";
  sentence: string;
  until: string | null;
};

const text = (value: unknown) => (typeof value === "string" && value !== "" ? value : null);

const WORDS = { up: "takes mail", down: "is down", paused: "is paused" };

export function stateOf(hop: NextHop): NextHopState {
  const name = text(hop.name) ?? hop.id;
  const state = hop.state === "down" || hop.state === "paused" ? hop.state : "up";
  const why = state === "down" ? text(hop.why) : null;
  return {
    id: hop.id,
    name,
    state,
    sentence: `${name} ${WORDS[state]}${why ? `: ${why}` : ""}.`,
    until: text(hop.nextTrial),
  };
}
