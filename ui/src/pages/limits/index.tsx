// Settings › Rates & Quotas: how fast may mail come and go, and how much may wait?
import { Text } from "@mantine/core";
import type { Item } from "@/api/hooks";
import { type Column, Objects } from "@/editor/Objects";
import { PageHead } from "@/editor/PageHead";
import { expressionOf } from "@/expression/value";
import { isObject, type Json, numbered } from "@/forms/schema";
import { duration, size } from "@/forms/words";
import { Tabs } from "@/parts/Tabs";

const BASE = "/settings/limits";

function keys(item: Item): string {
  const all = isObject(item.key as Json) ? Object.keys(item.key as object) : ((item.key as string[]) ?? []);
  return all.length === 0 ? "all together" : `each ${all.join(" + ")}`;
}

function condition(item: Item): string {
  if (item.match === null || item.match === undefined) return "";
  const json = item.match as Json;
  const match = isObject(json) ? { ...json, match: numbered(json.match ?? []) } : json;
  const expression = expressionOf(match);
  return expression.match.length === 0
    ? expression.else === "true"
      ? ""
      : expression.else
    : `${expression.match.length} branches`;
}

const COMMON: Column[] = [
  {
    title: "Description",
    cell: (item) => String(item.description ?? `quota ${item.id}`),
  },
  {
    title: "In force",
    cell: (item) => (
      <span className="status" data-state={item.enable ? "good" : "off"}>
        {item.enable ? "yes" : "no"}
      </span>
    ),
  },
];

const REST: Column[] = [
  { title: "For", cell: keys },
  { title: "If", cell: (item) => <span className="mono">{condition(item)}</span>, wide: true },
];

const RATE: Column = {
  title: "Rate",
  number: true,
  cell: (item) => {
    const rate = item.rate as { count: number; period: number } | null;
    return rate ? `${rate.count.toLocaleString("en")} / ${duration(rate.period).replace(/^1 /, "")}` : "";
  },
};

const QUOTA: Column = {
  title: "At most",
  number: true,
  cell: (item) =>
    [
      item.messages ? `${Number(item.messages).toLocaleString("en")} messages` : null,
      item.size ? size(Number(item.size)) : null,
    ]
      .filter(Boolean)
      .join(", "),
};

export default function Limits() {
  return (
    <>
      <PageHead title="Rates & Quotas" />
      <Tabs
        base={BASE}
        tabs={[
          {
            path: "outbound",
            label: "Outbound rates",
            view: (
              <Objects
                bare
                type="MtaOutboundThrottle"
                path={`${BASE}/outbound`}
                title="Outbound rates"
                noun="rate"
                columns={[...COMMON, RATE, ...REST]}
                empty="Mail is delivered as fast as it can be. A rate makes deliveries wait; nothing is refused."
              />
            ),
          },
          {
            path: "inbound",
            label: "Inbound rates",
            view: (
              <Objects
                bare
                type="MtaInboundThrottle"
                path={`${BASE}/inbound`}
                title="Inbound rates"
                noun="rate"
                columns={[...COMMON, RATE, ...REST]}
                empty="Clients may come as fast as they like. Beyond a rate they hear a temporary refusal."
              />
            ),
          },
          {
            path: "quotas",
            label: "Queue quotas",
            view: (
              <Objects
                bare
                type="MtaQueueQuota"
                path={`${BASE}/quotas`}
                title="Queue quotas"
                noun="quota"
                columns={[...COMMON, QUOTA, ...REST]}
                empty="The queue holds what it gets. Beyond a quota clients hear 452 and come back later."
              />
            ),
          },
        ]}
      />
      <Text size="xs" c="dimmed" mt="md">
        A rate or quota with several keys counts each combination by itself.
      </Text>
    </>
  );
}
