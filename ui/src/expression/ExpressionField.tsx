// An expression property in a form: its branches, checked by the server while one types.
import { Anchor } from "@mantine/core";
import { useEffect, useRef, useState } from "react";
import type { FieldProps } from "@/forms/Field";
import { type Fault, messages } from "@/forms/faults";
import { type Json, write } from "@/forms/schema";
import { label } from "@/forms/words";
import { check, type Finding, type Findings } from "./ask";
import { BranchList, type Lit } from "./BranchList";
import { expressionOf, jsonOf } from "./value";

/** Milliseconds without typing after which the server is asked. */
const CHECK_DELAY_MS = 220;

const NONE: Findings = { errors: [], warnings: [] };

export default function ExpressionField({
  object,
  name,
  path,
  value,
  onChange,
  disabled,
  faults,
  kind,
  yields,
  lit,
}: FieldProps & { yields: string | null; lit?: Lit | null }) {
  const findings = useChecked(object, path.join("."), value);
  const error = messages(faults);
  if (value === null) {
    return (
      <div className="secret">
        Not set.{" "}
        {!disabled && (
          <Anchor
            component="button"
            type="button"
            size="sm"
            onClick={() => onChange(jsonOf({ match: [], else: "true" }))}
          >
            Set a condition
          </Anchor>
        )}
      </div>
    );
  }
  return (
    <>
      <BranchList
        label={label(name, object)}
        word={name === "match" ? "if" : "always"}
        home={{ object, property: path.join(".") }}
        yields={yields}
        value={expressionOf(value)}
        onChange={(next) => onChange(jsonOf(next))}
        errors={[...findings.errors, ...fromServer(faults, findings.errors)]}
        warnings={findings.warnings}
        disabled={disabled}
        lit={lit ?? null}
      />
      {error && <div className="field-error">{error}</div>}
      {kind.nullable && !disabled && (
        <Anchor component="button" type="button" size="xs" onClick={() => onChange(null)}>
          take it away
        </Anchor>
      )}
    </>
  );
}

/** What a save was refused for, unless the check says it already. */
function fromServer(faults: Fault[], known: Finding[]): Finding[] {
  return faults
    .filter(({ path }) => path.length > 0)
    .map((fault) => ({
      place: fault.path.join("."),
      start: 0,
      end: 0,
      message: fault.message,
      hint: fault.hint ?? null,
    }))
    .filter((finding) => !known.some(({ place }) => place === finding.place));
}

/** What the server says of this value, a moment after it was last changed. */
export function useChecked(object: string, property: string, value: Json): Findings {
  const [findings, setFindings] = useState(NONE);
  const asked = useRef(0);
  const text = JSON.stringify(value);
  useEffect(() => {
    if (text === "null") return setFindings(NONE);
    const mine = ++asked.current;
    const timer = setTimeout(() => {
      const whole = write({ kind: "expression", context: "", yields: null }, JSON.parse(text) as Json);
      check({ object, property }, whole)
        .then((answer) => asked.current === mine && setFindings(answer))
        .catch(() => asked.current === mine && setFindings(NONE));
    }, CHECK_DELAY_MS);
    return () => clearTimeout(timer);
  }, [object, property, text]);
  return findings;
}
