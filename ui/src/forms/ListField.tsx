// A list of objects or durations, in its order.
import { ActionIcon, Button } from "@mantine/core";
import { Field, type FieldProps } from "./Field";
import { below, messages } from "./faults";
import { blank, type Json, variantOf } from "./schema";
import { label } from "./words";

/** Elements one below the other, to be moved, removed and added. */
export function ListField(props: FieldProps) {
  const { kind, value, onChange, disabled, faults } = props;
  if (kind.kind !== "list") return null;
  const items = Array.isArray(value) ? value : [];
  const set = (place: number, item: Json) => onChange(items.map((old, at) => (at === place ? item : old)));
  const move = (place: number, by: number) => onChange(moved(items, place, place + by));
  const add = () => {
    const item = kind.item;
    onChange([
      ...items,
      item.kind === "object" ? blank(variantOf(item.variants, undefined)) : (items.at(-1) ?? null),
    ]);
  };
  const error = messages(faults);
  return (
    <div className="list" role="group" aria-label={label(props.name)}>
      {items.map((item, place) => (
        <div key={place} className="list-item">
          <div className="list-body">
            <Field
              {...props}
              id={undefined}
              kind={kind.item}
              path={[...props.path, String(place)]}
              value={item}
              saved={Array.isArray(props.saved) ? (props.saved[place] ?? null) : null}
              onChange={(next) => set(place, next)}
              faults={below(faults, String(place))}
            />
          </div>
          {!disabled && (
            <div className="list-tools">
              <ActionIcon
                size="sm"
                onClick={() => move(place, -1)}
                disabled={place === 0}
                aria-label="Move up"
              >
                ↑
              </ActionIcon>
              <ActionIcon
                size="sm"
                onClick={() => move(place, 1)}
                disabled={place === items.length - 1}
                aria-label="Move down"
              >
                ↓
              </ActionIcon>
              <ActionIcon
                size="sm"
                onClick={() => onChange(items.filter((_, at) => at !== place))}
                aria-label="Remove"
              >
                ✕
              </ActionIcon>
            </div>
          )}
        </div>
      ))}
      {items.length === 0 && <div className="field-help">None.</div>}
      {!disabled && (
        <Button variant="default" size="compact-xs" onClick={add} mt={4}>
          Add
        </Button>
      )}
      {error && <div className="field-error">{error}</div>}
    </div>
  );
}

/** The list with one element elsewhere. */
export function moved<T>(items: T[], from: number, to: number): T[] {
  const item = items[from];
  if (item === undefined || to < 0 || to >= items.length || from === to) return items;
  const rest = items.filter((_, place) => place !== from);
  return [...rest.slice(0, to), item, ...rest.slice(to)];
}
