// The filters of the queue; what is typed stands in the URL after a moment.

import { Button, Group, Select, TextInput } from "@mantine/core";
import { useEffect, useRef, useState } from "react";
import { useObjects } from "@/api/hooks";
import { isAll, type QueueView } from "@/mail/queue_filter";
import { FilterExpression } from "./FilterExpression";

/** Milliseconds of silence after which what was typed is asked for. */
const SILENCE_MS = 250;

export default function Filters({ view, change }: { view: QueueView; change: (view: QueueView) => void }) {
  const queues = useObjects<{ id: string; name: string }>("MtaVirtualQueue");
  const names = (queues.data?.list ?? []).map((queue) => queue.name);
  const set = (part: Partial<QueueView>) => change({ ...view, ...part });
  return (
    <search className="queue-filters" aria-label="Filters">
      <Typed label="Sender or recipient" value={view.text} set={(text) => set({ text })} search />
      <Typed label="From" value={view.from} set={(from) => set({ from })} />
      <Typed label="To" value={view.to} set={(to) => set({ to })} />
      <Select
        label="Virtual queue"
        placeholder="any"
        clearable
        data={view.queue && !names.includes(view.queue) ? [...names, view.queue] : names}
        value={view.queue ?? null}
        onChange={(queue) => set({ queue: queue ?? undefined })}
      />
      <Select
        label="Held"
        placeholder="held or not"
        clearable
        data={[
          { value: "yes", label: "held" },
          { value: "no", label: "not held" },
        ]}
        value={view.held ?? null}
        onChange={(held) => set({ held: (held ?? undefined) as QueueView["held"] })}
      />
      <FilterExpression value={view.expression ?? ""} set={(expression) => set({ expression })} />
      <Group gap="xs" className="queue-filters-foot">
        {view.cause && (
          <Button size="compact-xs" variant="light" onClick={() => set({ cause: undefined })}>
            One cause only ✕
          </Button>
        )}
        {!isAll(view) && (
          <Button size="compact-xs" variant="subtle" onClick={() => change({})}>
            Clear filters
          </Button>
        )}
      </Group>
    </search>
  );
}

function Typed(props: {
  label: string;
  value: string | undefined;
  set: (value: string | undefined) => void;
  search?: boolean;
}) {
  const [text, setText] = useState(props.value ?? "");
  const later = useRef<ReturnType<typeof setTimeout>>(undefined);
  const typed = useRef(props.value ?? "");
  useEffect(() => {
    const value = props.value ?? "";
    if (value !== typed.current) {
      typed.current = value;
      setText(value);
    }
  }, [props.value]);
  useEffect(() => () => clearTimeout(later.current), []);
  const send = (value: string) => {
    typed.current = value.trim();
    props.set(typed.current === "" ? undefined : typed.current);
  };
  return (
    <TextInput
      label={props.label}
      value={text}
      data-search={props.search}
      onChange={(event) => {
        const value = event.currentTarget.value;
        setText(value);
        clearTimeout(later.current);
        later.current = setTimeout(() => send(value), SILENCE_MS);
      }}
      onKeyDown={(event) => {
        if (event.key !== "Enter") return;
        clearTimeout(later.current);
        send(text);
      }}
    />
  );
}
