// How are the next hops? Each in one word and one sentence, whatever else the server says about it.

import type { NextHop } from "./types";

export type NextHopState = {
  id: string;
  name: string;
  state: "up" | "down" | "trial";
  sentence: string;
  until: string | null;
};

const text = (value: unknown) => (typeof value === "string" && value !== "" ? value : null);

export function stateOf(hop: NextHop): NextHopState {
  const name = text(hop.name) ?? text(hop.what) ?? text(hop.nextHop) ?? hop.id;
  const said = (text(hop.state) ?? "").toLowerCase();
  const down = said === "down" || said === "open" || hop.down === true;
  const trial = said.includes("half") || said.includes("trial") || said.includes("prob");
  const state = trial ? "trial" : down ? "down" : "up";
  const why = text(hop.why) ?? text(hop.reason);
  const words = { up: "takes mail", trial: "is being tried again", down: "is down" }[state];
  return {
    id: hop.id,
    name,
    state,
    sentence: `${name} ${words}${why ? `: ${why}` : ""}.`,
    until: text(hop.trial) ?? text(hop.nextTrial) ?? text(hop.until),
  };
}
