// What would the action do? A count and a sample by the server, what it must be told, then the deed.

import { Alert, Button, Group, Loader, Modal, Radio, Select, Text, TextInput } from "@mantine/core";
import { useState } from "react";
import { type SetError, setErrorText } from "@/api/errors";
import { useMethod, useObjects } from "@/api/hooks";
import { call } from "@/api/jmap";
import { follow } from "@/mail/jobs";
import type { Preview } from "@/mail/types";
import { report } from "@/shell/report";
import { Trouble } from "@/shell/Trouble";
import { ACTIONS, type ActionInfo, type Choices, jobOf, missing } from "./actions";
import type { Wanted } from "./Queue";
import { Sample } from "./Sample";
import { named, words } from "./selection";

type Created<T> = { created?: Record<string, T> | null; notCreated?: Record<string, SetError> | null };

export default function ActionDialog({ wanted, close }: { wanted: Wanted; close: () => void }) {
  const info = ACTIONS.find((one) => one.action === wanted.action);
  const [choices, setChoices] = useState<Choices>({});
  const [busy, setBusy] = useState(false);
  if (!info) return null;
  const lacks = missing(info, choices);
  const job = jobOf(info, named(wanted.target), choices);
  const go = async () => {
    setBusy(true);
    try {
      const answer = await call<Created<{ id: string }>>("x:QueueJob/set", { create: { j: job } });
      const refused = answer.notCreated?.j;
      if (refused) throw new Error(setErrorText(refused));
      const id = answer.created?.j?.id;
      if (id !== undefined) follow(id, `${info.verb} ${words(wanted.target)}`);
      close();
    } catch (error) {
      report(error, info.verb);
      setBusy(false);
    }
  };
  return (
    <Modal opened onClose={close} title={`${info.verb} ${words(wanted.target)}`} size="lg">
      <Text size="sm" mb="sm">
        {info.says}
      </Text>
      <Asked info={info} choices={choices} set={(part) => setChoices({ ...choices, ...part })} />
      <PreviewOf job={job} ready={lacks === null} lacks={lacks}>
        {(preview) => (
          <Group justify="flex-end" mt="md" gap="xs">
            <Button variant="default" onClick={close}>
              Leave it
            </Button>
            <Button
              color={info.danger ? "red" : undefined}
              loading={busy}
              disabled={lacks !== null || !preview || preview.count === 0}
              onClick={() => void go()}
              data-autofocus
            >
              {`${info.verb} ${(preview?.count ?? 0).toLocaleString("en")}`}
            </Button>
          </Group>
        )}
      </PreviewOf>
    </Modal>
  );
}

function PreviewOf(props: {
  job: Record<string, unknown>;
  ready: boolean;
  lacks: string | null;
  children: (preview: Preview | undefined) => React.ReactNode;
}) {
  const answer = useMethod<Created<Preview>>(
    "x:QueueJob/set",
    { create: { p: { ...props.job, dryRun: true } } },
    { enabled: props.ready, staleMs: 0 },
  );
  const refused = answer.data?.notCreated?.p;
  const preview = props.ready ? (answer.data?.created?.p ?? undefined) : undefined;
  return (
    <>
      {answer.error && <Trouble error={answer.error} retry={() => void answer.refetch()} />}
      {refused && (
        <Alert color="red" my="sm">
          {setErrorText(refused)}
        </Alert>
      )}
      {props.lacks && (
        <Text size="sm" c="dimmed">
          {props.lacks}
        </Text>
      )}
      {props.ready && answer.isPending && <Loader size="xs" aria-label="The server counts" />}
      {preview && (
        <>
          <Text size="sm" fw={500} role="status">
            {preview.count === 0
              ? "Nothing would change."
              : `This is done to ${preview.recipients.toLocaleString("en")} ${preview.recipients === 1 ? "recipient" : "recipients"} of ${preview.count.toLocaleString("en")} ${preview.count === 1 ? "message" : "messages"}.`}
          </Text>
          <Sample sample={preview.sample} total={preview.count} />
        </>
      )}
      {props.children(preview)}
    </>
  );
}

function Asked(props: { info: ActionInfo; choices: Choices; set: (part: Partial<Choices>) => void }) {
  const { info, choices, set } = props;
  const routes = useObjects<{ id: string; name: string; "@type": string; description?: string | null }>(
    "MtaRoute",
    {
      enabled: info.asks.includes("route"),
    },
  );
  return (
    <>
      {info.asks.includes("at") && <At set={(at) => set({ at })} />}
      {info.asks.includes("route") && (
        <Select
          label="Route"
          mb="sm"
          placeholder="choose one"
          data={[
            { value: "", label: "as the strategy says" },
            ...(routes.data?.list ?? []).map((route) => ({
              value: route.name,
              label: `${route.name} (${route["@type"]})`,
            })),
          ]}
          value={choices.route === null ? "" : (choices.route ?? undefined)}
          onChange={(route) => set({ route: route === "" ? null : (route ?? undefined) })}
        />
      )}
      {info.asks.includes("notify") && (
        <Radio.Group
          label="The senders"
          mb="sm"
          value={choices.notify === undefined ? "" : String(choices.notify)}
          onChange={(value) => set({ notify: value === "true" })}
        >
          <Radio value="true" label="are told that their mail was not delivered" my={4} />
          <Radio value="false" label="are not told" />
        </Radio.Group>
      )}
      {info.asks.includes("reason") && (
        <TextInput
          label="Reason"
          description="For the audit log and whoever looks next."
          mb="sm"
          maxLength={200}
          value={choices.reason ?? ""}
          onChange={(event) => set({ reason: event.currentTarget.value })}
        />
      )}
    </>
  );
}

function At({ set }: { set: (at: string) => void }) {
  const [text, setText] = useState("");
  const choose = (date: Date) => {
    const local = new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
    setText(local);
    set(date.toISOString());
  };
  const inHours = (hours: number) => choose(new Date(Date.now() + hours * 3_600_000));
  return (
    <Group align="end" gap="xs" mb="sm">
      <TextInput
        label="Not before (your time)"
        type="datetime-local"
        value={text}
        onChange={(event) => {
          const value = event.currentTarget.value;
          setText(value);
          const date = new Date(value);
          set(Number.isNaN(date.getTime()) ? "" : date.toISOString());
        }}
      />
      {[1, 6, 24].map((hours) => (
        <Button key={hours} variant="default" onClick={() => inHours(hours)}>
          {`in ${hours} h`}
        </Button>
      ))}
    </Group>
  );
}
