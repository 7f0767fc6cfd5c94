// Secrets are written and never read: one sees that one is set, and can set another.
import { Anchor, PasswordInput, SegmentedControl, Textarea, TextInput } from "@mantine/core";
import { useState } from "react";
import type { FieldProps } from "./Field";
import { below, messages } from "./faults";
import { type Draft, isObject, type Json, MASK } from "./schema";
import { label } from "./words";

const SOURCES: [string, string][] = [
  ["None", "none"],
  ["Value", "kept here"],
  ["EnvironmentVariable", "variable"],
  ["File", "file"],
];

/** A secret by its source: a value, a variable of the environment, a file. */
export function SecretField(props: FieldProps) {
  const { kind, value, saved, onChange, disabled, faults } = props;
  if (kind.kind !== "object") return null;
  const draft: Draft = isObject(value) ? value : { "@type": "None" };
  const type = String(draft["@type"] ?? "None");
  const offered = SOURCES.filter(([name]) => kind.variants.some((variant) => variant.name === name));
  const change = (name: string) => {
    if (isObject(saved) && saved["@type"] === name) onChange(saved);
    else if (name === "Value") onChange({ "@type": name, secret: null });
    else if (name === "EnvironmentVariable") onChange({ "@type": name, variableName: null });
    else if (name === "File") onChange({ "@type": name, filePath: null });
    else onChange({ "@type": name });
  };
  const set = (property: string, next: Json) => onChange({ ...draft, "@type": type, [property]: next });
  const inner =
    { None: "", Value: "secret", EnvironmentVariable: "variableName", File: "filePath" }[type] ?? "";
  const error = messages([...faults, ...below(faults, inner)]);
  const lines = /key|certificate/i.test(props.name);
  return (
    <div className="nested">
      <SegmentedControl
        size="xs"
        disabled={disabled}
        aria-label={`${label(props.name)}: source`}
        data={offered.map(([name, text]) => ({ value: name, label: text }))}
        value={type}
        onChange={change}
        className="sources"
      />
      {type === "Value" && (
        <WriteOnly
          name={label(props.name)}
          field={props.path.join(".")}
          value={draft.secret ?? null}
          isSet={isObject(saved) && saved["@type"] === "Value" && saved.secret === MASK}
          onChange={(next) => set("secret", next)}
          disabled={disabled}
          error={error}
          lines={lines}
        />
      )}
      {type === "EnvironmentVariable" && (
        <TextInput
          aria-label={`${label(props.name)}: name of the variable`}
          placeholder="WAYPOST_RELAY_PASSWORD"
          value={String(draft.variableName ?? "")}
          onChange={(event) => set("variableName", event.currentTarget.value || null)}
          disabled={disabled}
          error={error}
          classNames={{ input: "mono" }}
          description="Read on the server when the settings are loaded; it must be permitted in the boot file."
          inputWrapperOrder={["input", "description", "error"]}
        />
      )}
      {type === "File" && (
        <TextInput
          aria-label={`${label(props.name)}: path of the file`}
          placeholder="/etc/waypost/relay-password"
          value={String(draft.filePath ?? "")}
          onChange={(event) => set("filePath", event.currentTarget.value || null)}
          disabled={disabled}
          error={error}
          classNames={{ input: "mono" }}
          description="Read on the server when the settings are loaded; its folder must be permitted in the boot file."
          inputWrapperOrder={["input", "description", "error"]}
        />
      )}
      {type === "None" && error && <div className="field-error">{error}</div>}
    </div>
  );
}

/** A text that is masked, such as the password of an account. */
export function MaskedText({
  name,
  path,
  value,
  saved,
  onChange,
  disabled,
  kind,
  error,
}: FieldProps & { error: string | null }) {
  return (
    <WriteOnly
      name={label(name)}
      field={path.join(".")}
      value={value}
      isSet={saved === MASK}
      onChange={onChange}
      disabled={disabled}
      error={error}
      removable={kind.nullable ?? false}
    />
  );
}

interface WriteOnlyProps {
  name: string;
  field: string;
  value: Json;
  isSet: boolean;
  onChange: (value: Json) => void;
  disabled: boolean;
  error: string | null;
  lines?: boolean;
  removable?: boolean;
}

/** “A password is set · change”. */
function WriteOnly({
  name,
  field,
  value,
  isSet,
  onChange,
  disabled,
  error,
  lines,
  removable,
}: WriteOnlyProps) {
  const [changing, setChanging] = useState(false);
  const kept = isSet && value === MASK;
  if (kept && !changing) {
    return (
      <div className="secret" data-field={field}>
        A secret is set
        {!disabled && (
          <>
            {" · "}
            <Anchor
              component="button"
              type="button"
              size="sm"
              onClick={() => {
                setChanging(true);
              }}
            >
              change
            </Anchor>
            {removable && (
              <>
                {" · "}
                <Anchor component="button" type="button" size="sm" onClick={() => onChange(null)}>
                  remove
                </Anchor>
              </>
            )}
          </>
        )}
        {error && <div className="field-error">{error}</div>}
      </div>
    );
  }
  const shown = value === MASK ? "" : String(value ?? "");
  const keep = () => {
    setChanging(false);
    onChange(MASK);
  };
  const type = (text: string) => onChange(text === "" ? (isSet ? MASK : null) : text);
  return (
    <div data-field={field}>
      {lines ? (
        <Textarea
          aria-label={name}
          autosize
          minRows={3}
          maxRows={10}
          placeholder="-----BEGIN …"
          value={shown}
          onChange={(event) => type(event.currentTarget.value)}
          disabled={disabled}
          error={error}
          classNames={{ input: "mono" }}
          spellCheck={false}
          autoComplete="off"
        />
      ) : (
        <PasswordInput
          aria-label={name}
          maw={360}
          value={shown}
          onChange={(event) => type(event.currentTarget.value)}
          disabled={disabled}
          error={error}
          placeholder={isSet ? "the new one" : removable ? "none is set" : undefined}
          autoComplete="new-password"
        />
      )}
      {isSet && (
        <Anchor component="button" type="button" size="xs" onClick={keep}>
          keep the one that is set
        </Anchor>
      )}
    </div>
  );
}
