// Does this route work? The real delivery path, stage by stage, without sending a message.
import { Button, Group, Text, TextInput } from "@mantine/core";
import { useEffect, useState } from "react";
import { asProblem, type Problem, setErrorText } from "@/api/errors";
import { useMe } from "@/api/hooks";
import { call } from "@/api/jmap";
import { reaches } from "@/api/session";
import { refusal, type SetAnswer } from "@/editor/changes";
import type { EditorContext } from "@/editor/ObjectEditor";
import { Foreign } from "@/foreign/Foreign";
import { writeDocument } from "@/forms/schema";
import { Dialogue } from "@/mail/Dialogue";
import type { DialogueLine } from "@/mail/types";
import { Trouble } from "@/shell/Trouble";
import "./routes.css";

interface Stage {
  name: string;
  state: string;
  detail?: string | null;
  durationMs?: number | null;
}

interface Test {
  id: string;
  state: string;
  /** What came of it, in one sentence. */
  sentence?: string | null;
  stages: Stage[];
  dialogue?: DialogueLine[];
  [more: string]: unknown;
}

/** Milliseconds between two looks at a test that runs. */
const LOOK_MS = 350;

/** All stages in order; those that have not begun are shown too. */
const STAGES: [string, string][] = [
  ["resolve", "Resolve"],
  ["connect", "Connect"],
  ["tls", "TLS"],
  ["auth", "AUTH"],
  ["mail", "MAIL FROM"],
  ["rcpt", "RCPT TO"],
];

const ENDED = new Set(["done", "failed", "passed", "ok", "ended", "succeeded", "cancelled"]);
const STATE: Record<string, string> = {
  ok: "good", done: "good", passed: "good", succeeded: "good", failed: "bad", error: "bad", running: "wait", pending: "off", waiting: "off", skipped: "off",
}; // biome-ignore format: a table

export function RouteTest({ context }: { context: EditorContext }) {
  const { editor, draft } = context;
  const me = useMe();
  const [from, setFrom] = useState("");
  const [to, setTo] = useState("");
  const [id, setId] = useState<string | null>(null);
  const [test, setTest] = useState<Test | null>(null);
  const [problem, setProblem] = useState<Problem | string | null>(null);
  const unsaved = editor.dirty || context.id === null;
  const running = id !== null && (test === null || !ENDED.has(test.state));

  useEffect(() => {
    if (id === null) return;
    let stop = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const look = async () => {
      try {
        const answer = await call<{ list: Test[] }>("x:RouteTest/get", { ids: [id] });
        if (stop) return;
        const now = answer.list[0];
        if (!now) return setProblem("The test is no longer known to the server.");
        setTest(now);
        if (!ENDED.has(now.state)) timer = setTimeout(() => void look(), LOOK_MS);
      } catch (error) {
        if (!stop) setProblem(asProblem(error));
      }
    };
    void look();
    return () => {
      stop = true;
      clearTimeout(timer);
    };
  }, [id]);

  const begin = async () => {
    setProblem(null);
    setTest(null);
    setId(null);
    try {
      const route =
        unsaved && editor.schema
          ? writeDocument(editor.schema.variants, draft)
          : String(editor.saved?.name ?? draft.name);
      const answer = await call<SetAnswer>("x:RouteTest/set", { create: { t: { route, from, to } } });
      const refused = refusal(answer);
      if (refused) {
        const detail = (refused.validationErrors ?? []).map(
          (one) => `${one.property}: ${one.message ?? one.description}`,
        );
        return setProblem([setErrorText(refused), ...detail].join(" "));
      }
      setId(answer.created?.t?.id ?? null);
    } catch (error) {
      setProblem(asProblem(error));
    }
  };

  return (
    <section className="panel" aria-label="Test of the route">
      <h2>Test</h2>
      <Text size="xs" c="dimmed" mb="xs">
        Runs {unsaved ? "the route as it stands here, unsaved," : "the route"} through the code of real
        deliveries and stops before the message itself.
      </Text>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void begin();
        }}
      >
        <div className="test-fields">
          <TextInput
            size="xs"
            label="From"
            placeholder="<> (null)"
            value={from}
            onChange={(event) => setFrom(event.currentTarget.value)}
            classNames={{ input: "mono" }}
            autoComplete="off"
          />
          <TextInput
            size="xs"
            label="To"
            placeholder="postmaster@example.org"
            required
            withAsterisk={false}
            value={to}
            onChange={(event) => setTo(event.currentTarget.value)}
            classNames={{ input: "mono" }}
            autoComplete="off"
          />
        </div>
        <Group mt="xs">
          <Button
            type="submit"
            variant="default"
            loading={running}
            disabled={to === "" || !reaches(me.data?.role, "router")}
          >
            Test {unsaved ? "unsaved" : ""} route
          </Button>
        </Group>
      </form>
      {typeof problem === "string" && (
        <Text size="sm" c="red" mt="xs" role="alert">
          {problem}
        </Text>
      )}
      {problem !== null && typeof problem !== "string" && <Trouble error={problem} />}
      {test?.sentence && (
        <Text size="sm" mt="xs" fw={500} c={test.state === "failed" ? "red" : undefined} role="status">
          <Foreign text={test.sentence} max={600} />
        </Text>
      )}
      {test && <Stages test={test} />}
      {test?.dialogue && test.dialogue.length > 0 && (
        <Dialogue lines={test.dialogue} label="Dialogue of the test" />
      )}
    </section>
  );
}

function Stages({ test }: { test: Test }) {
  const seen = STAGES.map(([name, label]) => ({
    label,
    stage: test.stages.find((stage) => stage.name === name),
  }));
  const others = test.stages.filter(({ name }) => !STAGES.some(([known]) => known === name));
  return (
    <ol className="stages" aria-live="polite">
      {seen.map(({ label, stage }) => (
        <StageLine key={label} label={label} {...(stage ? { stage } : {})} />
      ))}
      {others.map((stage) => (
        <StageLine key={stage.name} label={stage.name} stage={stage} />
      ))}
    </ol>
  );
}

function StageLine({ label, stage }: { label: string; stage?: Stage }) {
  const state = stage?.state ?? "pending";
  return (
    <li className="stage">
      <span className="status" data-state={STATE[state] ?? "off"}>
        {label}
      </span>
      <span className="stage-time">
        {stage?.durationMs !== undefined && stage.durationMs !== null && `${Math.round(stage.durationMs)} ms`}
      </span>
      <span className="stage-detail">
        {stage?.detail ? (
          <Foreign text={stage.detail} max={600} />
        ) : (
          <span className="dim">{state === "pending" ? "" : state}</span>
        )}
      </span>
    </li>
  );
}
