// The search in what happened.

import { Alert, Button, Group, Select, Text, TextInput } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { useEffect, useState } from "react";
import { useSearchParams } from "react-router";
import { useObjects } from "@/api/hooks";
import { filterOf, type HistoryView, OUTCOMES, SPANS, searchOf, viewOf } from "@/mail/history_filter";
import { Trouble } from "@/shell/Trouble";
import "./history.css";
import HistoryRows from "./HistoryRows";
import { useHistory } from "./useHistory";

const REFRESH_MS = 10_000;
/** Milliseconds of silence after which what was typed is asked for. */
const SILENCE_MS = 250;

export default function History() {
  const [search, setSearch] = useSearchParams();
  const view = viewOf(search);
  const history = useHistory(filterOf(view, new Date()), REFRESH_MS);
  const change = (part: Partial<HistoryView>) => setSearch(searchOf({ ...view, ...part }));
  const messages = history.data?.pages.flatMap((page) => page.messages) ?? [];
  const total = history.data?.pages[0]?.total;
  return (
    <>
      <h1>History</h1>
      <Text size="sm" c="dimmed" mb="xs">
        What became of mail, whether it is still queued or has ended.
      </Text>
      <Filters view={view} change={change} clear={() => setSearch(new URLSearchParams())} />
      {history.error && <Trouble error={history.error} retry={() => void history.refetch()} />}
      {history.isPending && <div className="loading" role="status" aria-label="Loading" />}
      {history.data && messages.length === 0 && (
        <Alert color="gray" title="Nothing matches">
          The history reaches back as far as its settings say: Settings › More › History.
        </Alert>
      )}
      {messages.length > 0 && (
        <>
          <Text size="sm" mb={4} aria-live="polite">
            {total === undefined
              ? `The last ${messages.length.toLocaleString("en")}`
              : `${total.toLocaleString("en")} ${total === 1 ? "message" : "messages"}, newest first`}
          </Text>
          {history.data?.pages.some((page) => page.cut) && (
            <Text size="sm" c="dimmed">
              The search was stopped before its end: ask for a shorter time, or for a whole address.
            </Text>
          )}
          <HistoryRows messages={messages} />
          {history.hasNextPage && (
            <Group justify="center" mt="sm">
              <Button
                variant="default"
                loading={history.isFetchingNextPage}
                onClick={() => void history.fetchNextPage()}
              >
                Older
              </Button>
            </Group>
          )}
        </>
      )}
    </>
  );
}

function Filters(props: {
  view: HistoryView;
  change: (part: Partial<HistoryView>) => void;
  clear: () => void;
}) {
  const { view, change } = props;
  const routes = useObjects<{ id: string; name: string }>("MtaRoute");
  const names = (routes.data?.list ?? []).map((route) => route.name);
  return (
    <search className="queue-filters" aria-label="Filters">
      <Typed label="Address or domain" value={view.text} set={(text) => change({ text })} search />
      <Typed label="From" value={view.from} set={(from) => change({ from })} />
      <Typed label="To" value={view.to} set={(to) => change({ to })} />
      <Select
        label="Outcome"
        placeholder="any"
        clearable
        data={[...OUTCOMES]}
        value={view.outcome ?? null}
        onChange={(outcome) => change({ outcome: outcome ?? undefined })}
      />
      <Select
        label="Route"
        placeholder="any"
        clearable
        data={view.route && !names.includes(view.route) ? [...names, view.route] : names}
        value={view.route ?? null}
        onChange={(route) => change({ route: route ?? undefined })}
      />
      <Select
        label="Time"
        placeholder="all that is kept"
        clearable
        data={[
          ...Object.keys(SPANS).map((span) => ({ value: span, label: `the last ${span}` })),
          ...(view.since && !(view.since in SPANS)
            ? [{ value: view.since, label: `since ${view.since}` }]
            : []),
        ]}
        value={view.since ?? null}
        onChange={(since) => change({ since: since ?? undefined, until: undefined })}
      />
      {searchOf(view).toString() !== "" && (
        <Group className="queue-filters-foot">
          <Button size="compact-xs" variant="subtle" onClick={props.clear}>
            Clear filters
          </Button>
        </Group>
      )}
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
  useEffect(
    () => setText((now) => (now.trim() === (props.value ?? "") ? now : (props.value ?? ""))),
    [props.value],
  );
  const send = useDebouncedCallback((value: string) => props.set(value.trim() || undefined), SILENCE_MS);
  return (
    <TextInput
      label={props.label}
      value={text}
      data-search={props.search}
      spellCheck={false}
      autoComplete="off"
      onChange={(event) => {
        setText(event.currentTarget.value);
        send(event.currentTarget.value);
      }}
    />
  );
}
