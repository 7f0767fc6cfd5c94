// Settings › Routes: where may a recipient's copy go next?
import { Text } from "@mantine/core";
import { useMemo } from "react";
import { Link, Navigate, useLocation, useSearchParams } from "react-router";
import { type Item, useMethod, useObjects, useSingleton } from "@/api/hooks";
import { Objects } from "@/editor/Objects";
import { RouteTest } from "./RouteTest";
import { UsedBy } from "./UsedBy";
import { summary, usedBy } from "./used";

/** Milliseconds of the share that is shown. */
const DAY_MS = 86_400_000;

interface Statistics {
  routes?: Record<string, number>;
}

/** How many recipients each route had in the last day. */
function useShares() {
  const since = useMemo(() => new Date(Date.now() - DAY_MS).toISOString().replace(/\.\d+/, ""), []);
  const statistics = useMethod<Statistics>("x:Statistics/get", { since }, { refreshMs: 60_000 });
  const routes = statistics.data?.routes;
  const total = Object.values(routes ?? {}).reduce((sum, count) => sum + count, 0);
  return { known: routes !== undefined, of: (name: string) => routes?.[name] ?? 0, total };
}

export default function RoutesPage() {
  const strategy = useSingleton("MtaOutboundStrategy");
  const shares = useShares();
  const expression = strategy.data?.list[0]?.route;
  return (
    <>
      <ByName />
      <Objects
        type="MtaRoute"
        path="/settings/routes"
        title="Routes"
        noun="route"
        intro={
          <>
            Where a recipient's copy goes next. The <Link to="/settings/strategy">strategy's</Link> route
            expression yields the name, for each recipient, at each attempt.
          </>
        }
        columns={[
          { title: "Name", cell: (item) => String(item.name) },
          { title: "Kind", cell: (item) => String(item["@type"]) },
          { title: "To", cell: (item) => <span className="mono">{summary(item)}</span> },
          { title: "Used by", cell: (item) => <Users uses={usedBy(expression, String(item.name))} /> },
          {
            title: "Last day",
            number: true,
            cell: (item) => <Share shares={shares} item={item} />,
          },
          { title: "Description", cell: (item) => String(item.description ?? ""), wide: true },
        ]}
        start={(params) => (params.get("kind") ? { "@type": params.get("kind") } : { "@type": "Relay" })}
        editor={{
          aside: (context) => (
            <>
              <RouteTest context={context} />
              {context.id !== null && (
                <UsedBy name={String(context.draft.name ?? "")} expression={expression} />
              )}
            </>
          ),
          removeNote: ({ draft }) => <RemoveNote uses={usedBy(expression, String(draft.name))} />,
        }}
      />
    </>
  );
}

/** `/settings/routes?name=smarthost` leads to that route. */
function ByName() {
  const [params] = useSearchParams();
  const { pathname } = useLocation();
  const name = params.get("name");
  const all = useObjects<Item>("MtaRoute", { enabled: name !== null });
  const found = all.data?.list.find((item) => item.name === name);
  if (name === null || !found || pathname !== "/settings/routes") return null;
  return <Navigate to={`/settings/routes/${found.id}`} replace />;
}

function Users({ uses }: { uses: string[] }) {
  if (uses.length === 0) return <span className="dim">nothing</span>;
  return <span>{uses.join(", ")}</span>;
}

function Share({ shares, item }: { shares: ReturnType<typeof useShares>; item: Item }) {
  if (!shares.known) return null;
  const count = shares.of(String(item.name));
  const part = shares.total === 0 ? 0 : count / shares.total;
  return (
    <span
      className="share"
      title={`${count.toLocaleString("en")} of ${shares.total.toLocaleString("en")} recipients`}
    >
      <Link className="rowlink" to={`/history?route=${encodeURIComponent(String(item.name))}`}>
        {count.toLocaleString("en")}
      </Link>
      <span className="share-bar" aria-hidden="true">
        <span style={{ width: `${Math.round(part * 100)}%` }} />
      </span>
    </span>
  );
}

function RemoveNote({ uses }: { uses: string[] }) {
  if (uses.length === 0) return <Text size="sm">No branch of the strategy names it.</Text>;
  return (
    <Text size="sm" c="red">
      The strategy names it in {uses.join(", ")}. Change <Link to="/settings/strategy">the strategy</Link>{" "}
      first; until then the server will refuse.
    </Text>
  );
}
