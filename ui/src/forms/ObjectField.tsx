// An object within an object: its variant, and the fields of that variant.
import { SegmentedControl } from "@mantine/core";
import { Field, type FieldProps } from "./Field";
import { below, messages } from "./faults";
import { Help } from "./Help";
import { asVariant, blank, type Draft, isObject, type Json, variantOf } from "./schema";
import { label } from "./words";

/** Fields of a nested object, without a default line of their own. */
export function ObjectField(props: FieldProps) {
  const { kind, value, onChange, disabled, faults } = props;
  if (kind.kind !== "object") return null;
  const draft: Draft = isObject(value) ? value : {};
  const variant = variantOf(kind.variants, draft);
  if (!variant) return null;
  const error = messages(faults);
  const [only] = variant.properties;
  const alone = variant.properties.length === 1 && /^\d+$/.test(props.path.at(-1) ?? "");
  if (alone && only) {
    return (
      <Field
        {...props}
        kind={only}
        name={only.name}
        path={[...props.path, only.name]}
        value={draft[only.name] ?? null}
        onChange={(next: Json) => onChange({ ...startOf(draft, variant.name), [only.name]: next })}
        faults={[...faults.filter(({ path }) => path.length === 0), ...below(faults, only.name)]}
      />
    );
  }
  return (
    <div className="nested">
      {kind.variants.length > 1 && (
        <SegmentedControl
          size="xs"
          disabled={disabled}
          aria-label={label(props.name)}
          data={kind.variants.map(({ name }) => ({ value: name ?? "", label: name ?? "" }))}
          value={variant.name ?? ""}
          onChange={(name) => {
            const next = kind.variants.find((one) => one.name === name);
            if (next) onChange(asVariant(draft, next));
          }}
        />
      )}
      {kind.variants.length > 1 && variant.help && (
        <div className="field-help">
          <Help text={variant.help} />
        </div>
      )}
      {variant.properties.length > 0 && (
        <div className="nested-fields">
          {variant.properties.map((property) => (
            <div key={property.name} className="nested-field">
              <div className="nested-label" title={property.help}>
                {label(property.name)}
                <span className="field-help">
                  {" "}
                  <Help text={property.help} />
                </span>
              </div>
              <Field
                {...props}
                id={undefined}
                fixed={false}
                kind={property}
                name={property.name}
                path={[...props.path, property.name]}
                value={draft[property.name] ?? null}
                saved={isObject(props.saved) ? (props.saved[property.name] ?? null) : null}
                onChange={(next: Json) =>
                  onChange({ ...startOf(draft, variant.name), [property.name]: next })
                }
                faults={below(faults, property.name)}
              />
            </div>
          ))}
        </div>
      )}
      {error && <div className="field-error">{error}</div>}
    </div>
  );

  function startOf(draft: Draft, name: string | null): Draft {
    if (Object.keys(draft).length > 0) return draft;
    return name === null ? blank(variant) : { ...blank(variant), "@type": name };
  }
}
