// Management › Overview: how is mail doing, and what needs attention first?

import { Anchor, Badge, Group, SegmentedControl, Text } from "@mantine/core";
import { useMemo } from "react";
import { Link, useSearchParams } from "react-router";
import { useMethod, useObjects } from "@/api/hooks";
import { Foreign } from "@/foreign/Foreign";
import { useCauses, weight } from "@/mail/causes";
import { useNow, When } from "@/mail/When";
import type { Pause } from "@/pages/queue/Pauses";
import { Trouble } from "@/shell/Trouble";
import { concerns } from "./attention";
import { Chart } from "./Chart";
import { stateOf } from "./hops";
import InForce from "./InForce";
import "./overview.css";
import { halves, linesOf } from "./series";
import type { NextHop, Statistics } from "./types";

/** What can be looked at: its length and its step, both in seconds. */
const SPANS = {
  "1h": { seconds: 3_600, step: 60, words: "per minute, the last hour", half: "half hour" },
  "24h": { seconds: 86_400, step: 900, words: "per quarter of an hour, the last day", half: "12 hours" },
  "7d": { seconds: 604_800, step: 3_600, words: "per hour, the last week", half: "3½ days" },
} as const;

const REFRESH_MS = 5_000;
const TOP = 5;

export default function Overview() {
  const [search, setSearch] = useSearchParams();
  const chosen = search.get("span") ?? "1h";
  const name = chosen in SPANS ? (chosen as keyof typeof SPANS) : "1h";
  const { seconds, step, words, half } = SPANS[name];
  const now = useNow();
  // To the step, so that the question stays the same for a while.
  const until = Math.floor(now.getTime() / 1_000 / step) * step;
  const since = until - seconds;
  const statistics = useMethod<Statistics>(
    "x:Statistics/get",
    { since: new Date(since * 1_000).toISOString(), step: step * 1_000 },
    { refreshMs: REFRESH_MS, keep: true },
  );
  const chart = useMemo(
    () => linesOf(statistics.data, since, until, step),
    [statistics.data, since, until, step],
  );
  // The step that is not over yet counts, but as a line it would always fall.
  const over = useMemo(
    () => ({
      times: chart.times.slice(0, -1),
      lines: chart.lines.map((line) => ({ ...line, values: line.values.slice(0, -1) })),
    }),
    [chart],
  );
  const causes = useCauses(TOP * 4);
  const pauses = useObjects<Pause>("Pause", { refreshMs: REFRESH_MS });
  const hops = useObjects<NextHop>("NextHop", { refreshMs: REFRESH_MS });
  const states = (hops.data?.list ?? []).map(stateOf);
  const worries = concerns({
    causes: causes.data?.causes ?? [],
    pauses: pauses.data?.list ?? [],
    hops: states,
    statistics: statistics.data,
    now,
  });
  const questions = [causes, pauses, hops, statistics];
  const unknown = questions.find((one) => one.error)?.error;
  const asked = questions.every((one) => one.data !== undefined);
  const queue = statistics.data?.queue;
  return (
    <>
      <Group justify="space-between" mb="xs">
        <h1>Overview</h1>
        <SegmentedControl
          size="xs"
          aria-label="Time"
          value={name}
          onChange={(span) => setSearch(span === "1h" ? {} : { span })}
          data={Object.keys(SPANS)}
        />
      </Group>
      <InForce />
      <section className="card" aria-label="What needs attention">
        <h2>What needs attention</h2>
        {unknown ? (
          <Text size="sm" c="dimmed">
            {`Not everything could be asked: ${unknown.message}`}
          </Text>
        ) : null}
        {worries.length === 0 && asked ? (
          <Text size="sm" className="all-well">
            Nothing. All next hops take mail, and nothing waits that should not.
          </Text>
        ) : (
          <ul className="concerns">
            {worries.slice(0, 8).map((one) => (
              <li key={one.id} data-weight={one.weight}>
                <Anchor component={Link} to={one.to} size="sm">
                  <Foreign text={one.sentence} max={400} quiet />
                </Anchor>
              </li>
            ))}
          </ul>
        )}
      </section>
      <section className="card" aria-label="Mail over time">
        {statistics.error && <Trouble error={statistics.error} />}
        <div className="tiles">
          {chart.lines.map((line) => (
            <Tile key={line.name} name={line.name} values={line.values} span={name} half={half} />
          ))}
          <div className="tile">
            <Anchor component={Link} to="/queue?view=list" className="tile-number">
              {queue ? queue.recipients.toLocaleString("en") : "…"}
            </Anchor>
            <div className="tile-name">queued recipients</div>
            <div className="tile-note">
              {queue?.oldest ? (
                <>
                  oldest <When at={queue.oldest} />
                </>
              ) : (
                "none waits"
              )}
            </div>
          </div>
        </div>
        <h2>{`Recipients ${words}`}</h2>
        <Chart label={`Recipients ${words}`} times={over.times} lines={over.lines} />
      </section>
      <div className="columns">
        <section className="card" aria-label="Why mail waits">
          <h2>Why mail waits</h2>
          {causes.error && <Trouble error={causes.error} />}
          {causes.data?.causes.length === 0 && <Text size="sm">The queue is empty.</Text>}
          <ol className="top">
            {causes.data?.causes.slice(0, TOP).map((cause) => (
              <li key={cause.id} data-weight={weight(cause)}>
                <Anchor
                  component={Link}
                  size="sm"
                  to={`/queue?view=list&cause=${encodeURIComponent(cause.id)}`}
                >
                  {cause.recipients.toLocaleString("en")}
                </Anchor>
                <Text size="sm">
                  <Foreign text={cause.sentence} max={300} />
                </Text>
              </li>
            ))}
          </ol>
          <Anchor component={Link} to="/queue" size="sm">
            All causes
          </Anchor>
        </section>
        <section className="card" aria-label="Next hops">
          <h2>Next hops</h2>
          {hops.error && <Trouble error={hops.error} />}
          {hops.data && states.length === 0 && <Text size="sm">None has failed lately.</Text>}
          <ul className="hops">
            {states.slice(0, 12).map((hop) => (
              <li key={hop.id}>
                <Badge
                  size="sm"
                  variant="light"
                  color={hop.state === "up" ? "green" : hop.state === "down" ? "red" : "yellow"}
                >
                  {hop.state}
                </Badge>
                <Text size="sm">
                  <Foreign text={hop.sentence} max={240} />
                  {hop.until && (
                    <span className="dim">
                      {" next trial "}
                      <When at={hop.until} />
                    </span>
                  )}
                </Text>
              </li>
            ))}
          </ul>
        </section>
      </div>
    </>
  );
}

const OUTCOME_OF: Record<string, string> = {
  accepted: "",
  delivered: "delivered",
  deferred: "deferred",
  failed: "failed",
};

function Tile(props: { name: string; values: (number | null)[]; span: string; half: string }) {
  const { name, values, span, half } = props;
  const { before, after } = halves(values);
  const total = before + after;
  const search = new URLSearchParams({ since: span });
  if (OUTCOME_OF[name]) search.set("outcome", OUTCOME_OF[name]);
  return (
    <div className="tile" data-name={name}>
      <Anchor component={Link} to={`/history?${search}`} className="tile-number">
        {total.toLocaleString("en")}
      </Anchor>
      <div className="tile-name">{name}</div>
      <div className="tile-note">{change(before, after, half)}</div>
    </div>
  );
}

function change(before: number, after: number, half: string): string {
  if (before === after) return `as in the ${half} before`;
  if (before === 0) return `none in the ${half} before`;
  const percent = Math.round((100 * (after - before)) / before);
  return `${percent >= 0 ? "+" : "−"}${Math.abs(percent)} % on the ${half} before`;
}
