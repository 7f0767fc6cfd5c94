// The queue as a list of messages, of any length.

import { Alert, Anchor, Checkbox, Group, Text } from "@mantine/core";
import { useCallback, useEffect, useMemo, useState } from "react";
import { Link, useNavigate } from "react-router";
import { type Range, Rows } from "@/list/Rows";
import { useSlices } from "@/list/useSlices";
import { filterOf, isAll, type QueueView } from "@/mail/queue_filter";
import type { QueuedMessage } from "@/mail/types";
import { Trouble } from "@/shell/Trouble";
import { ACTIONS } from "./actions";
import { CountButton, type Wanted } from "./Queue";
import QueueRow, { useRowHeight } from "./QueueRow";
import { sizeOf, type Target } from "./selection";

const REFRESH_MS = 5_000;
const SORT = [{ property: "due", isAscending: true }];

export default function List({
  view,
  may,
  act,
}: {
  view: QueueView;
  may: boolean;
  act: (wanted: Wanted) => void;
}) {
  const [range, setRange] = useState<Range>({ first: 0, last: 20 });
  const [ids, setIds] = useState<ReadonlySet<string>>(new Set());
  const [everything, setEverything] = useState(false);
  const navigate = useNavigate();
  const height = useRowHeight();
  const key = JSON.stringify(filterOf(view));
  const query = useMemo(() => ({ filter: JSON.parse(key), sort: SORT }), [key]);
  const rows = useSlices<QueuedMessage>("QueuedMessage", query, range, { refreshMs: REFRESH_MS });
  const total = rows.total ?? 0;

  // biome-ignore lint/correctness/useExhaustiveDependencies: another filter shows other mail, so nothing stays selected
  useEffect(() => {
    setIds(new Set());
    setEverything(false);
  }, [key]);

  const target: Target = everything
    ? { kind: "matching", view, count: total }
    : { kind: "ids", ids: [...ids] };
  const toggle = useCallback(
    (index: number) => {
      const id = rows.row(index)?.id;
      if (id === undefined) return;
      setEverything(false);
      setIds((before) => {
        const after = new Set(before);
        if (!after.delete(id)) after.add(id);
        return after;
      });
    },
    [rows],
  );
  const open = (index: number) => {
    const id = rows.row(index)?.id;
    if (id !== undefined) void navigate(`/queue/${encodeURIComponent(id)}`);
  };
  const acts = Object.fromEntries(
    ACTIONS.filter((info) => info.key !== undefined).map((info) => [
      info.key ?? "",
      (index: number) => {
        const id = rows.row(index)?.id;
        if (!may || id === undefined) return;
        act({ action: info.action, target: sizeOf(target) > 0 ? target : { kind: "ids", ids: [id] } });
      },
    ]),
  );

  if (rows.problem && rows.total === undefined) return <Trouble error={rows.problem} />;
  if (rows.total === 0) return <Nothing view={view} />;
  return (
    <>
      {rows.problem && <Trouble error={rows.problem} />}
      <Group className="queue-bar" gap="xs" mb={6}>
        <Text size="sm" aria-live="polite" className="queue-count">
          {everything
            ? `All ${total.toLocaleString("en")} selected`
            : ids.size > 0
              ? `${ids.size.toLocaleString("en")} of ${total.toLocaleString("en")} selected`
              : rows.total === undefined
                ? "…"
                : `${total.toLocaleString("en")} ${total === 1 ? "message" : "messages"}`}
        </Text>
        {may && (
          <Checkbox
            size="xs"
            checked={everything}
            onChange={(event) => {
              setIds(new Set());
              setEverything(event.currentTarget.checked);
            }}
            label={isAll(view) ? "Select all" : "Select all that match"}
          />
        )}
        {may && sizeOf(target) > 0 && (
          <Group gap={6} role="toolbar" aria-label="What to do with the selection">
            {ACTIONS.map((info) => (
              <CountButton
                key={info.action}
                verb={info.verb}
                count={sizeOf(target)}
                danger={info.danger}
                press={() => act({ action: info.action, target })}
              />
            ))}
          </Group>
        )}
      </Group>
      <Rows
        label="Queued messages"
        total={total}
        rowHeight={height}
        onRange={setRange}
        selected={(index) => everything || ids.has(rows.row(index)?.id ?? "")}
        onToggle={may ? toggle : undefined}
        onOpen={open}
        keys={acts}
        render={(index) => (
          <QueueRow
            message={rows.row(index)}
            selectable={may}
            selected={everything || ids.has(rows.row(index)?.id ?? "")}
            toggle={() => toggle(index)}
          />
        )}
      />
    </>
  );
}

function Nothing({ view }: { view: QueueView }) {
  return (
    <Alert color="gray" title={isAll(view) ? "The queue is empty" : "No queued message matches"}>
      What has ended is found in the{" "}
      <Anchor component={Link} to="/history" size="sm">
        history
      </Anchor>
      .
    </Alert>
  );
}
