// A filter in the language of routing; the server says what is wrong with it while it is typed.

import { TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useEffect, useState } from "react";
import { useMethod } from "@/api/hooks";

/** Milliseconds of silence after which the server is asked. */
const SILENCE_MS = 200;

type Checked = { errors: { message: string; hint?: string | null; start?: number; end?: number }[] };

export function FilterExpression(props: { value: string; set: (value: string | undefined) => void }) {
  const [text, setText] = useState(props.value);
  useEffect(() => setText(props.value), [props.value]);
  const [still] = useDebouncedValue(text.trim(), SILENCE_MS);
  const checked = useMethod<Checked>(
    "x:Expression/check",
    { object: "QueuedMessage", property: "expression", text: still },
    { enabled: still !== "" },
  );
  const wrong = still === "" ? undefined : checked.data?.errors[0];
  const apply = () => {
    if (!wrong && text.trim() !== props.value) props.set(text.trim() === "" ? undefined : text.trim());
  };
  return (
    <TextInput
      className="queue-expression"
      label="Expression"
      placeholder="rcpt_domain == 'example.org' && retry_num > 3"
      spellCheck={false}
      autoComplete="off"
      styles={{ input: { fontFamily: "var(--mono)" } }}
      value={text}
      error={wrong && `${wrong.message}${wrong.hint ? ` — ${wrong.hint}` : ""}`}
      onChange={(event) => setText(event.currentTarget.value)}
      onBlur={apply}
      onKeyDown={(event) => {
        if (event.key === "Enter") apply();
      }}
    />
  );
}
