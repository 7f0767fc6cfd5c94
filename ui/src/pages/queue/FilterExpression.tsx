// A filter in the language of routing; the server completes it and says what is wrong with it while it is typed.

import { Input } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { lazy, Suspense, useEffect, useRef, useState } from "react";
import { useMethod } from "@/api/hooks";
import type { Finding, Findings } from "@/expression/ask";
import "@/expression/expression.css";

const CodeField = lazy(() => import("@/expression/CodeField"));

/** Milliseconds of silence after which the server is asked. */
const SILENCE_MS = 300;
const HOME = { object: "QueuedMessage", property: "expression" };
const NONE: Finding[] = [];
const HINT = "rcpt_domain == 'example.org' && retry_num > 3";

/** What the server finds right is applied at once. */
export function FilterExpression(props: { value: string; set: (value: string | undefined) => void }) {
  const { value, set } = props;
  const [text, setText] = useState(value);
  const typed = useRef(value);
  useEffect(() => {
    if (value === typed.current) return;
    typed.current = value;
    setText(value);
  }, [value]);
  // The editor is large, and most filters have no expression: it comes when it is asked for.
  const [wanted, setWanted] = useState(value !== "");
  const [still] = useDebouncedValue(text.trim(), SILENCE_MS);
  const checked = useMethod<Findings>(
    "x:Expression/check",
    { ...HOME, text: still },
    { enabled: still !== "" },
  );
  const errors = still === "" ? NONE : (checked.data?.errors ?? NONE);
  const right = still === "" || (checked.data !== undefined && errors.length === 0);
  useEffect(() => {
    if (!right || still !== text.trim() || still === value) return;
    typed.current = still;
    set(still || undefined);
  }, [right, still, text, value, set]);
  const wrong = errors[0];
  return (
    <Input.Wrapper
      className="queue-expression"
      label="Expression"
      labelElement="div"
      error={wrong && `${wrong.message}${wrong.hint ? `: ${wrong.hint}` : ""}`}
    >
      {wanted ? (
        <Suspense fallback={<div className="code queue-code-waits" />}>
          <CodeField
            value={text}
            onChange={setText}
            home={HOME}
            errors={errors}
            warnings={checked.data?.warnings ?? NONE}
            label="Expression"
            hint={HINT}
            autoFocus={value === ""}
          />
        </Suspense>
      ) : (
        <Input aria-label="Expression" placeholder={HINT} readOnly onFocus={() => setWanted(true)} />
      )}
    </Input.Wrapper>
  );
}
