// What needs attention first? Sentences, the most urgent first, each with the list behind it.

import { weight } from "@/mail/causes";
import { span } from "@/mail/time";
import type { QueueCause } from "@/mail/types";
import type { Pause } from "@/pages/queue/Pauses";
import type { NextHopState } from "./hops";
import type { Statistics } from "./types";

export type Concern = { id: string; weight: "bad" | "wait"; sentence: string; to: string };

/** Mail that waits longer than this is worth a look, in milliseconds. */
const OLD_MS = 86_400_000;

export type Known = {
  causes: QueueCause[];
  pauses: Pause[];
  hops: NextHopState[];
  statistics: Statistics | undefined;
  now: Date;
};

export function concerns({ causes, pauses, hops, statistics, now }: Known): Concern[] {
  const found: Concern[] = [];
  for (const pause of pauses) {
    const what = pause.nextHop
      ? `to ${pause.nextHop} `
      : pause.name
        ? `of the virtual queue ${pause.name} `
        : "";
    found.push({
      id: `pause-${pause.id}`,
      weight: "bad",
      sentence: `Deliveries ${what}are paused${pause.by ? ` by ${pause.by}` : ""}.`,
      to: "/queue",
    });
  }
  for (const cause of causes.filter((one) => weight(one) === "bad")) {
    found.push({
      id: `cause-${cause.id}`,
      weight: "bad",
      sentence: cause.sentence,
      to: `/queue?view=list&cause=${encodeURIComponent(cause.id)}`,
    });
  }
  const said = found.map((one) => one.sentence).join("\n");
  for (const hop of hops.filter((one) => one.state === "down" && !said.includes(one.name))) {
    found.push({ id: `hop-${hop.id}`, weight: "bad", sentence: hop.sentence, to: "/queue" });
  }
  const held = statistics?.queue?.held ?? 0;
  if (held > 0) {
    found.push({
      id: "held",
      weight: "wait",
      sentence: `${held.toLocaleString("en")} ${held === 1 ? "recipient is" : "recipients are"} held until somebody releases them.`,
      to: "/queue?view=list&held=yes",
    });
  }
  const oldest = statistics?.queue?.oldest;
  const age = oldest ? now.getTime() - Date.parse(oldest) : 0;
  if (age > OLD_MS) {
    found.push({
      id: "old",
      weight: "wait",
      sentence: `The oldest message has waited for ${span(age)}.`,
      to: "/queue?view=list",
    });
  }
  const failed = statistics?.totals?.failed ?? 0;
  if (failed > 0) {
    found.push({
      id: "failed",
      weight: "wait",
      sentence: `${failed.toLocaleString("en")} ${failed === 1 ? "recipient was" : "recipients were"} given up lately.`,
      to: "/history?outcome=failed&since=24h",
    });
  }
  return found;
}
