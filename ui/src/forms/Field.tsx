// One field: its label, help, default and error, and the input that fits its kind.
import { Anchor, NumberInput, Select, Switch, TagsInput, Textarea, TextInput } from "@mantine/core";
import { lazy, type ReactNode, Suspense, useId, useState } from "react";
import { useObjects } from "@/api/hooks";
import { type Fault, messages } from "./faults";
import { Help } from "./Help";
import { ListField } from "./ListField";
import { ObjectField } from "./ObjectField";
import { MaskedText, SecretField } from "./Secret";
import { SetField } from "./SetField";
import { isSecret, type Json, type Kind, type Property, read, same } from "./schema";
import { duration, label, parseDuration, parseSize, short, size } from "./words";

const ExpressionField = lazy(() => import("@/expression/ExpressionField"));

export interface FieldProps {
  kind: Kind & Partial<Property>;
  name: string;
  /** The type of the whole object, and where in it the field is: what the server is asked about expressions. */
  object: string;
  path: string[];
  value: Json;
  saved: Json;
  /** Whether the whole object is new. */
  isNew: boolean;
  onChange: (value: Json) => void;
  faults: Fault[];
  disabled: boolean;
  id?: string;
  /** It was given when the object was made, and stays. */
  fixed?: boolean;
}

/** Label and help on the left, the input on the right. */
export function FieldRow({
  property,
  object,
  value,
  onReset,
  disabled,
  faults,
  fixed = false,
  children,
}: {
  property: Property;
  object: string;
  value: Json;
  onReset: (value: Json) => void;
  disabled: boolean;
  faults: Fault[];
  fixed?: boolean;
  children: ReactNode;
}) {
  const standard = read(property, property.default);
  const resets = !property.required && !property.secret && !isSecret(property) && !property.readOnly;
  const differs = resets && !isBlank(standard) && !same(value, standard);
  const wide = property.kind === "expression" || property.kind === "list" || property.kind === "lines";
  return (
    <div className="field" data-wide={wide || undefined} data-fault={faults.length > 0 || undefined}>
      <div className="field-about">
        <div className="field-label" id={`label-${property.name}`}>
          {label(property.name, object)}
          {property.required && !fixed && <span className="field-required"> required</span>}
          {fixed && <span className="field-required"> stays as it is</span>}
        </div>
        <div className="field-help">
          <Help text={property.help} />
        </div>
      </div>
      <div className="field-input">
        {children}
        {resets && (
          <div className="field-default">
            {differs ? (
              <>
                default: {words(property, standard)}
                {!disabled && (
                  <>
                    {" · "}
                    <Anchor component="button" type="button" size="xs" onClick={() => onReset(standard)}>
                      reset
                    </Anchor>
                  </>
                )}
              </>
            ) : (
              property.kind !== "boolean" && !isBlank(standard) && "default"
            )}
          </div>
        )}
      </div>
    </div>
  );
}

function isBlank(value: Json): boolean {
  return value === null || value === "" || (Array.isArray(value) && value.length === 0);
}

/** A default in words. */
function words(property: Property, value: Json): string {
  if (value === null) return "not set";
  if (property.kind === "duration") return duration(Number(value));
  if (property.kind === "size") return size(Number(value));
  if (property.kind === "boolean") return value ? "on" : "off";
  return short(value);
}

/** The input that fits the kind. */
export function Field(props: FieldProps) {
  const { kind, value, onChange, disabled } = props;
  const error = messages(props.faults);
  const nullable = kind.nullable ?? false;
  const common = {
    id: props.id,
    disabled,
    error,
    "aria-label": label(props.name, props.object),
    "data-field": props.path.join("."),
  };
  if (props.fixed) return <div className="field-fixed mono">{String(value ?? "")}</div>;
  if (kind.secret && !isSecret(kind)) return <MaskedText {...props} error={error} />;
  switch (kind.kind) {
    case "boolean":
      return (
        <Switch
          {...common}
          checked={value === true}
          onChange={(event) => onChange(event.currentTarget.checked)}
          label={value === true ? "yes" : "no"}
          withThumbIndicator={false}
        />
      );
    case "integer":
      return (
        <NumberInput
          {...common}
          maw={180}
          value={typeof value === "number" ? value : ""}
          onChange={(next) => onChange(next === "" ? null : Number(next))}
          min={kind.min ?? undefined}
          max={kind.max ?? undefined}
          clampBehavior="none"
          allowDecimal={false}
          placeholder={nullable ? "not set" : undefined}
          description={bounds(kind.min, kind.max)}
          inputWrapperOrder={["input", "description", "error"]}
        />
      );
    case "duration":
      return (
        <Measured
          {...props}
          common={common}
          show={duration}
          parse={parseDuration}
          example="5 min, 1 h 30 min"
        />
      );
    case "size":
      return <Measured {...props} common={common} show={size} parse={parseSize} example="25 MiB" />;
    case "choice":
      return <ChoiceInput {...props} common={common} />;
    case "reference":
      return <ReferenceInput {...props} common={common} to={kind.to} />;
    case "set":
      return <SetField {...props} />;
    case "list":
      return kind.item.kind === "object" || kind.item.kind === "duration" ? (
        <ListField {...props} />
      ) : (
        <TagsInput
          {...common}
          value={(value as string[]) ?? []}
          onChange={onChange}
          placeholder={(value as string[])?.length ? undefined : "none"}
          classNames={{ input: "mono", pill: "mono" }}
          splitChars={[",", " "]}
        />
      );
    case "object":
      return isSecret(kind) ? <SecretField {...props} /> : <ObjectField {...props} />;
    case "expression":
      return (
        <Suspense fallback={<div className="loading" />}>
          <ExpressionField {...props} yields={kind.yields} />
        </Suspense>
      );
    case "lines":
      return (
        <Textarea
          {...common}
          autosize
          minRows={3}
          maxRows={14}
          value={String(value ?? "")}
          onChange={(event) => onChange(event.currentTarget.value || null)}
          classNames={{ input: "mono" }}
          spellCheck={false}
        />
      );
    default:
      return (
        <TextInput
          {...common}
          value={String(value ?? "")}
          onChange={(event) => onChange(event.currentTarget.value === "" ? null : event.currentTarget.value)}
          placeholder={nullable ? "not set" : undefined}
          maxLength={"maxLength" in kind && kind.maxLength ? kind.maxLength : undefined}
          classNames={kind.kind === "text" && props.name === "description" ? {} : { input: "mono" }}
          spellCheck={props.name === "description"}
          autoComplete="off"
        />
      );
  }
}

function bounds(min?: number | null, max?: number | null): string | null {
  if (max !== undefined && max !== null) return `${min ?? 0} to ${max.toLocaleString("en")}`;
  return min ? `at least ${min}` : null;
}

type Common = {
  id?: string;
  disabled: boolean;
  error: string | null;
  "aria-label": string;
  "data-field": string;
};

/** A number typed with its unit. What cannot be read stays in the field and is not taken over. */
function Measured({
  kind,
  value,
  onChange,
  common,
  show,
  parse,
  example,
}: FieldProps & {
  common: Common;
  show: (value: number) => string;
  parse: (text: string) => number | null;
  example: string;
}) {
  const [typed, setTyped] = useState<string | null>(null);
  const shown = typed ?? (typeof value === "number" ? show(value) : "");
  const unreadable = typed !== null && typed !== "" && parse(typed) === null;
  return (
    <TextInput
      {...common}
      maw={180}
      value={shown}
      error={unreadable ? `Write it with its unit: ${example}` : common.error}
      placeholder={kind.nullable ? "not set" : example}
      onChange={(event) => {
        const text = event.currentTarget.value;
        setTyped(text);
        const parsed = parse(text);
        if (parsed !== null) onChange(parsed);
        else if (text.trim() === "" && kind.nullable) onChange(null);
      }}
      onBlur={() => {
        if (!unreadable) setTyped(null);
      }}
    />
  );
}

function ChoiceInput({ kind, value, onChange, common }: FieldProps & { common: Common }) {
  if (kind.kind !== "choice") return null;
  const chosen = kind.members.find(({ name }) => name === value);
  return (
    <Select
      {...common}
      maw={320}
      data={kind.members.map(({ name }) => ({ value: name, label: name }))}
      value={typeof value === "string" ? value : null}
      onChange={(next) => onChange(next)}
      allowDeselect={false}
      clearable={kind.nullable ?? false}
      placeholder="not set"
      description={chosen?.help ? <Help text={chosen.help} /> : null}
      inputWrapperOrder={["input", "description", "error"]}
      comboboxProps={{ width: "max-content", position: "bottom-start", middlewares: { shift: true } }}
      renderOption={({ option }) => (
        <div className="choice">
          <span className="mono">{option.value}</span>
          <span className="choice-help">
            <Help text={kind.members.find(({ name }) => name === option.value)?.help ?? ""} />
          </span>
        </div>
      )}
    />
  );
}

function ReferenceInput({ value, onChange, common, to, kind }: FieldProps & { common: Common; to: string }) {
  const all = useObjects(to, { staleMs: 30_000 });
  const known = (all.data?.list ?? []).map((item) => ({
    value: item.id,
    label: String(item.name ?? item.id),
  }));
  const missing = typeof value === "string" && !known.some((one) => one.value === value);
  const hint = useId();
  return (
    <Select
      {...common}
      maw={320}
      data={missing && all.data ? [...known, { value: value as string, label: `${value} (missing)` }] : known}
      value={typeof value === "string" ? value : null}
      onChange={(next) => onChange(next)}
      allowDeselect={kind.nullable ?? false}
      clearable={kind.nullable ?? false}
      searchable
      placeholder={kind.nullable ? "not set" : "choose"}
      aria-describedby={hint}
      classNames={{ input: "mono", option: "mono" }}
    />
  );
}
