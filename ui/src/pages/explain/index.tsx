// Management › Explain: which way would this mail take, and why? The server decides by the code that moves mail.

import { Button, Group, NumberInput, Select, Text, Textarea, TextInput } from "@mantine/core";
import { useState } from "react";
import { useSearchParams } from "react-router";
import { useMethod } from "@/api/hooks";
import { Copy } from "@/mail/Copy";
import { Trouble } from "@/shell/Trouble";
import Answer from "./Answer";
import "./explain.css";
import {
  argumentsOf,
  commandOf,
  type Question,
  questionOf,
  RECIPIENTS_MAX,
  recipientsOf,
  searchOf,
} from "./question";
import type { Report } from "./types";

export default function Explain() {
  const [search, setSearch] = useSearchParams();
  const question = questionOf(search);
  const asked = question.to.length > 0;
  const answer = useMethod<{ list?: Report[]; reports?: Report[] }>(
    "x:Explanation/get",
    argumentsOf(question),
    { enabled: asked, staleMs: 0 },
  );
  const reports = answer.data?.list ?? answer.data?.reports ?? [];
  return (
    <>
      <h1>Explain</h1>
      <Text size="sm" c="dimmed" mb="sm">
        Which way a message would take, and why. Nothing is sent; the server decides as it does for real mail.
      </Text>
      <Form
        key={search.toString()}
        question={question}
        ask={(next) => setSearch(searchOf(next))}
        busy={answer.isFetching}
      />
      {answer.error && <Trouble error={answer.error} retry={() => void answer.refetch()} />}
      {asked && !answer.error && (
        <div aria-live="polite">
          {answer.isPending && <div className="loading" role="status" aria-label="The server decides" />}
          {reports.map((report, index) => (
            <Answer key={`${report.to}-${index}`} report={report} />
          ))}
          {reports.length > 0 && (
            <Group gap="xs" mt="sm">
              <Copy text={commandOf(question)} label="Copy as CLI" />
              <Copy text={JSON.stringify(reports, null, 2)} label="Copy as JSON" />
            </Group>
          )}
        </div>
      )}
    </>
  );
}

function Form(props: { question: Question; ask: (question: Question) => void; busy: boolean }) {
  const { question } = props;
  const [draft, setDraft] = useState(question);
  const [to, setTo] = useState(question.to.join(", "));
  const [headers, setHeaders] = useState(question.headers.join("\n"));
  const extra =
    question.authenticatedAs ||
    question.clientIp ||
    question.listener ||
    question.size ||
    question.headers.length > 0
      ? true
      : question.retryNum !== undefined ||
        question.lastError !== undefined ||
        question.revision !== undefined;
  const [more, setMore] = useState(extra);
  const set = (part: Partial<Question>) => setDraft({ ...draft, ...part });
  const recipients = recipientsOf(to);
  const submit = (event: React.FormEvent) => {
    event.preventDefault();
    props.ask({
      ...draft,
      to: recipients,
      headers: headers.split("\n").filter((line) => line.trim() !== ""),
    });
  };
  return (
    <form onSubmit={submit} className="explain-form">
      <TextInput
        label="From"
        placeholder="<>"
        value={draft.from}
        onChange={(event) => set({ from: event.currentTarget.value })}
        data-search
        autoComplete="off"
        spellCheck={false}
      />
      <TextInput
        label="To"
        description={recipients.length > 1 ? `${recipients.length} recipients` : undefined}
        inputWrapperOrder={["label", "input", "description", "error"]}
        placeholder="one or several, apart by commas"
        required
        withAsterisk={false}
        value={to}
        error={recipients.length > RECIPIENTS_MAX ? `${RECIPIENTS_MAX} recipients at most` : undefined}
        onChange={(event) => setTo(event.currentTarget.value)}
        autoComplete="off"
        spellCheck={false}
      />
      {more && <More draft={draft} set={set} headers={headers} setHeaders={setHeaders} />}
      <Group gap="xs" className="explain-foot">
        <Button type="submit" loading={props.busy} disabled={recipients.length === 0}>
          Explain
        </Button>
        {!more && (
          <Button variant="subtle" color="gray" onClick={() => setMore(true)}>
            User, address, size, headers…
          </Button>
        )}
      </Group>
    </form>
  );
}

function More(props: {
  draft: Question;
  set: (part: Partial<Question>) => void;
  headers: string;
  setHeaders: (text: string) => void;
}) {
  const { draft, set } = props;
  const text = (label: string, key: "authenticatedAs" | "clientIp" | "listener", placeholder: string) => (
    <TextInput
      label={label}
      placeholder={placeholder}
      value={draft[key] ?? ""}
      onChange={(event) => set({ [key]: event.currentTarget.value || undefined })}
      autoComplete="off"
      spellCheck={false}
    />
  );
  const number = (label: string, key: "size" | "retryNum" | "revision", placeholder: string) => (
    <NumberInput
      label={label}
      placeholder={placeholder}
      min={0}
      allowDecimal={false}
      allowNegative={false}
      value={draft[key] ?? ""}
      onChange={(value) => set({ [key]: typeof value === "number" ? value : undefined })}
    />
  );
  return (
    <>
      {text("Authenticated as", "authenticatedAs", "nobody")}
      {text("Client address", "clientIp", "127.0.0.1")}
      {text("Listener", "listener", "the first one")}
      {number("Size in bytes", "size", "1000")}
      {number("Failed attempts so far", "retryNum", "0")}
      <Select
        label="Last error"
        placeholder="none"
        clearable
        data={[
          "dns",
          "unexpected-reply",
          "connection",
          "tls",
          "dane",
          "mta-sts",
          "rate",
          "concurrency",
          "io",
        ]}
        value={draft.lastError ?? null}
        onChange={(lastError) => set({ lastError: lastError ?? undefined })}
      />
      {number("Settings of revision", "revision", "in force")}
      <Textarea
        className="explain-headers"
        label="Header fields"
        placeholder="X-Priority: 1"
        autosize
        minRows={2}
        maxRows={8}
        styles={{ input: { fontFamily: "var(--mono)" } }}
        value={props.headers}
        onChange={(event) => props.setHeaders(event.currentTarget.value)}
      />
    </>
  );
}
