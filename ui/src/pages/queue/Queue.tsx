// The queue: by cause or as a list, what is looked at in the URL, what is selected acted on.

import { Anchor, Button, Group, SegmentedControl, Text } from "@mantine/core";
import { useCallback, useState } from "react";
import { useSearchParams } from "react-router";
import { useMe } from "@/api/hooks";
import { reaches } from "@/api/session";
import { isAll, type QueueView, searchOf, viewOf } from "@/mail/queue_filter";
import type { QueueAction } from "@/mail/types";
import ActionDialog from "./ActionDialog";
import Causes from "./Causes";
import Filters from "./Filters";
import List from "./List";
import Pauses from "./Pauses";
import "./queue.css";
import type { Target } from "./selection";

export type Wanted = { action: QueueAction; target: Target };

export default function Queue() {
  const [search, setSearch] = useSearchParams();
  const view = viewOf(search);
  const shown = search.get("view") === "list" || !isAll(view) ? "list" : "causes";
  const [wanted, setWanted] = useState<Wanted | null>(null);
  const me = useMe().data;
  const may = reaches(me?.role, "operator");

  const change = useCallback(
    (next: QueueView) =>
      setSearch(
        (before) => {
          const after = searchOf(next, before);
          after.set("view", "list");
          return after;
        },
        { replace: true },
      ),
    [setSearch],
  );
  const show = (next: string) =>
    setSearch((before) => {
      const after = next === "causes" ? searchOf({}, before) : new URLSearchParams(before);
      after.set("view", next);
      return after;
    });

  return (
    <div className="queue">
      <Group justify="space-between" mb="xs" gap="xs">
        <h1>Queued</h1>
        <SegmentedControl
          size="xs"
          value={shown}
          onChange={show}
          aria-label="How the queue is shown"
          data={[
            { value: "causes", label: "By cause" },
            { value: "list", label: "As a list" },
          ]}
        />
      </Group>
      <Pauses may={may} />
      {shown === "list" ? (
        <>
          <Filters view={view} change={change} />
          <List view={view} may={may} act={setWanted} />
        </>
      ) : (
        <>
          <Text size="sm" c="dimmed" mb="xs">
            What waits for the same reason stands together.{" "}
            <Anchor component="button" size="sm" onClick={() => show("list")}>
              Search all messages
            </Anchor>
          </Text>
          <Causes may={may} act={setWanted} />
        </>
      )}
      {wanted && <ActionDialog key={JSON.stringify(wanted)} wanted={wanted} close={() => setWanted(null)} />}
    </div>
  );
}

/** The buttons of a selection; each says how many messages it would be done to. */
export function CountButton(props: { verb: string; count: number; danger?: boolean; press: () => void }) {
  return (
    <Button
      size="compact-sm"
      variant="default"
      c={props.danger ? "red" : undefined}
      disabled={props.count === 0}
      onClick={props.press}
    >
      {`${props.verb} ${props.count.toLocaleString("en")}`}
    </Button>
  );
}
