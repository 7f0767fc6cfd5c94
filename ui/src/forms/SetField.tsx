// A set: of known words as boxes to tick, of anything else as words to type.
import { Checkbox, TagsInput } from "@mantine/core";
import type { FieldProps } from "./Field";
import { messages } from "./faults";
import { Help } from "./Help";
import { label } from "./words";

/** Order does not matter, and nothing is in it twice. */
export function SetField({ kind, name, value, onChange, disabled, faults, path }: FieldProps) {
  if (kind.kind !== "set") return null;
  const members = Array.isArray(value) ? (value as string[]) : [];
  const error = messages(faults);
  if (kind.item.kind !== "choice") {
    return (
      <TagsInput
        aria-label={label(name)}
        data-field={path.join(".")}
        value={members}
        onChange={(next) => onChange([...new Set(next)])}
        disabled={disabled}
        error={error}
        placeholder={members.length > 0 ? undefined : "none"}
        splitChars={[",", " "]}
        classNames={{ input: "mono", pill: "mono" }}
      />
    );
  }
  return (
    <Checkbox.Group
      value={members}
      onChange={(next) => onChange(next)}
      error={error}
      aria-label={label(name)}
      data-field={path.join(".")}
    >
      <div className="ticks">
        {kind.item.members.map((member) => (
          <Checkbox
            key={member.name}
            size="xs"
            value={member.name}
            disabled={disabled}
            label={
              <>
                <span className="mono">{member.name}</span>{" "}
                <span className="field-help">
                  <Help text={member.help} />
                </span>
              </>
            }
          />
        ))}
      </div>
    </Checkbox.Group>
  );
}
