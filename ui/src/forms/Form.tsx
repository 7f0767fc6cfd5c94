// The form of a settings object, as its schema says.
import { Text } from "@mantine/core";
import { Field, FieldRow } from "./Field";
import type { Fault } from "./faults";
import { below } from "./faults";
import { Help } from "./Help";
import { asVariant, type Draft, type Json, type Property, type TypeSchema, variantOf } from "./schema";
import { sections } from "./sections";
import "./forms.css";

export interface FormProps {
  schema: TypeSchema;
  draft: Draft;
  /** What the server has; null while a new one is made. */
  saved: Draft | null;
  onChange: (draft: Draft) => void;
  faults: Fault[];
  /** Whoever only looks cannot type. */
  readOnly?: boolean;
  /** Properties that a page shows in its own way. */
  hidden?: string[];
}

/** All fields, in groups; a choice of the variant above them. */
export function Form({ schema, draft, saved, onChange, faults, readOnly = false, hidden = [] }: FormProps) {
  const variant = variantOf(schema.variants, draft);
  if (!variant) return null;
  const shown = variant.properties.filter(({ name, serverSet }) => !serverSet && !hidden.includes(name));
  const set = (property: Property, value: Json) => onChange({ ...draft, [property.name]: value });
  const general = faults.filter(
    ({ path }) => path.length === 0 || !shown.some(({ name }) => name === path[0]),
  );
  return (
    <div className="form">
      {general.length > 0 && (
        <div className="form-fault" role="alert">
          {general.map(({ path, message, hint }) => (
            <div key={`${path.join(".")} ${message}`}>
              {path.length > 0 && <code>{path.join(".")} </code>}
              {message} {hint}
            </div>
          ))}
        </div>
      )}
      {schema.variants.length > 1 && (
        <VariantChoice
          schema={schema}
          chosen={variant.name}
          disabled={readOnly}
          onChange={(name) => {
            const next = schema.variants.find((one) => one.name === name);
            if (next) onChange(asVariant(draft, next));
          }}
        />
      )}
      {sections(schema.object, variant.name, shown).map((section) => (
        <fieldset key={section.title ?? ""} className="form-section">
          {section.title && <legend>{section.title}</legend>}
          {section.properties.map((property) => (
            <FieldRow
              key={`${variant.name} ${property.name}`}
              property={property}
              object={schema.object}
              fixed={property.readOnly && saved !== null}
              value={draft[property.name] ?? null}
              onReset={(value) => set(property, value)}
              disabled={readOnly}
              faults={below(faults, property.name)}
            >
              <Field
                kind={property}
                name={property.name}
                object={schema.object}
                path={[property.name]}
                value={draft[property.name] ?? null}
                saved={saved?.[property.name] ?? null}
                isNew={saved === null}
                onChange={(value) => set(property, value)}
                faults={below(faults, property.name)}
                disabled={readOnly}
                fixed={property.readOnly && saved !== null}
              />
            </FieldRow>
          ))}
        </fieldset>
      ))}
    </div>
  );
}

function VariantChoice({
  schema,
  chosen,
  onChange,
  disabled,
}: {
  schema: TypeSchema;
  chosen: string | null;
  onChange: (name: string) => void;
  disabled: boolean;
}) {
  return (
    <fieldset className="variants">
      <legend className="visually-hidden">Kind</legend>
      {schema.variants.map(({ name, help }) => (
        <label key={name} className="variant" data-chosen={name === chosen || undefined}>
          <input
            type="radio"
            name="variant"
            value={name ?? ""}
            checked={name === chosen}
            disabled={disabled}
            onChange={() => name && onChange(name)}
          />
          <span>
            <strong>{name}</strong>
            <Text size="xs" c="dimmed">
              <Help text={help} />
            </Text>
          </span>
        </label>
      ))}
    </fieldset>
  );
}
