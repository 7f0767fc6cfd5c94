// From and to: which branches light up?
import { Anchor, Text, Textarea, TextInput } from "@mantine/core";
import { useState } from "react";
import { Link } from "react-router";
import { Foreign } from "@/foreign/Foreign";
import { explained } from "./lit";
import type { Tested, Trial } from "./useTrial";

interface Props {
  trial: Trial;
  onChange: (trial: Trial) => void;
  tested: Tested;
  dirty: boolean;
}

const MORE: [keyof Trial, string, string][] = [
  ["authenticatedAs", "Authenticated as", "ann@example.org"],
  ["clientIp", "Client's address", "127.0.0.1"],
  ["size", "Size in bytes", "1000"],
  ["retryNum", "Failures so far", "0"],
  ["lastError", "Last error", "tls"],
];

export function TestLine({ trial, onChange, tested, dirty }: Props) {
  const [more, setMore] = useState(false);
  const set = (name: keyof Trial, value: string) => onChange({ ...trial, [name]: value });
  return (
    <section className="panel testline" aria-label="Try it out">
      <div className="testline-fields">
        <TextInput
          size="xs"
          label="Mail from"
          placeholder="<> (null)"
          value={trial.from}
          onChange={(event) => set("from", event.currentTarget.value)}
          classNames={{ input: "mono" }}
          autoComplete="off"
          spellCheck={false}
          data-search
        />
        <TextInput
          size="xs"
          label="to"
          placeholder="somebody@example.net"
          value={trial.to}
          onChange={(event) => set("to", event.currentTarget.value)}
          classNames={{ input: "mono" }}
          autoComplete="off"
          spellCheck={false}
        />
        <Anchor
          component="button"
          type="button"
          size="xs"
          onClick={() => setMore(!more)}
          aria-expanded={more}
        >
          {more ? "fewer fields" : "more fields"}
        </Anchor>
      </div>
      {more && (
        <div className="testline-fields">
          {MORE.map(([name, label, placeholder]) => (
            <TextInput
              key={name}
              size="xs"
              label={label}
              placeholder={placeholder}
              value={trial[name] ?? ""}
              onChange={(event) => set(name, event.currentTarget.value)}
              classNames={{ input: "mono" }}
              autoComplete="off"
            />
          ))}
          <Textarea
            size="xs"
            label="Header fields, one a line"
            placeholder="X-Campaign: spring"
            autosize
            minRows={1}
            value={trial.header ?? ""}
            onChange={(event) => set("header", event.currentTarget.value)}
            classNames={{ input: "mono" }}
          />
        </div>
      )}
      <Result tested={tested} trial={trial} dirty={dirty} />
    </section>
  );
}

function Result({ tested, trial, dirty }: { tested: Tested; trial: Trial; dirty: boolean }) {
  const { report, problem, busy } = tested;
  if (!trial.to.includes("@")) {
    return (
      <Text size="xs" c="dimmed">
        Type a recipient to see which branches decide{dirty ? ", with your unsaved changes" : ""}. Nothing is
        sent.
      </Text>
    );
  }
  if (problem) {
    return (
      <Text size="sm" c="red" role="alert">
        {problem.message}
      </Text>
    );
  }
  if (!report) return <Text size="sm">…</Text>;
  const name = (part: string) => explained(report, part)?.name ?? "none";
  const search = new URLSearchParams({ from: trial.from, to: trial.to });
  return (
    <div className="testline-result" aria-live="polite" data-busy={busy || undefined}>
      {!report.accepted && report.refusal && (
        <Text size="sm" c="red">
          Refused to this client: <Foreign text={report.refusal} max={300} />
        </Text>
      )}
      {report.route && (
        <Text size="sm">
          Route <strong className="mono">{name("route")}</strong>
          {report.schedule && (
            <>
              , schedule <strong className="mono">{name("schedule")}</strong>
            </>
          )}
          {report.hosts[0] && (
            <>
              , first to{" "}
              <strong className="mono">
                {report.hosts[0].name}:{report.hosts[0].port}
              </strong>
            </>
          )}
          {dirty && <span className="dim"> with your unsaved changes</span>} ·{" "}
          <Link to={`/explain?${search}`}>the whole explanation</Link>
        </Text>
      )}
      {report.trouble && (
        <Text size="sm" c="dimmed">
          <Foreign text={report.trouble} max={400} />
        </Text>
      )}
    </div>
  );
}
