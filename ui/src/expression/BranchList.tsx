// The branches of an expression in their order: the first whose condition is true decides.
import { ActionIcon, Button, Select } from "@mantine/core";
import { type ReactNode, useRef, useState } from "react";
import { type Item, useObjects } from "@/api/hooks";
import { moved } from "@/forms/ListField";
import type { Finding, Home } from "./ask";
import CodeField from "./CodeField";
import { literal, quoted } from "./names";
import type { Branch, Expression } from "./value";
import "./expression.css";

/** Which branch a tested message takes, and what each condition came to. */
export interface Lit {
  /** The place of the branch that decides; null for the else. */
  fired: number | null;
  /** What each condition that was asked came to, with the values it saw. */
  outcomes: { value: boolean | null; text: string }[];
  yields?: ReactNode;
}

interface Props {
  label: string;
  /** What stands before the value if there are no branches. */
  word: string;
  home: Home;
  yields: string | null;
  value: Expression;
  onChange: (value: Expression) => void;
  errors: Finding[];
  warnings: Finding[];
  disabled: boolean;
  lit: Lit | null;
}

export function BranchList({
  label,
  word,
  home,
  yields,
  value,
  onChange,
  errors,
  warnings,
  disabled,
  lit,
}: Props) {
  const [dragged, setDragged] = useState<number | null>(null);
  const [over, setOver] = useState<number | null>(null);
  const keys = useKeysOf(value.match.length);
  const list = useRef<HTMLOListElement>(null);
  const set = (match: Branch[]) => onChange({ ...value, match });
  const move = (from: number, to: number) => {
    if (to < 0 || to >= value.match.length) return;
    keys.move(from, to);
    set(moved(value.match, from, to));
  };
  const at = (place: string) => ({
    errors: errors.filter((one) => one.place === place),
    warnings: warnings.filter((one) => one.place === place),
  });
  const elsewhere = errors.filter(({ place }) => !/^(match\.\d+\.(if|then)|else)$/.test(place));
  const drop = () => {
    if (dragged !== null && over !== null) move(dragged, over);
    setDragged(null);
    setOver(null);
  };
  return (
    <div className="branches" role="group" aria-label={label}>
      <ol ref={list}>
        {value.match.map((branch, place) => (
          <li
            key={keys.at(place)}
            className="branch"
            data-over={
              over === place && dragged !== place
                ? dragged !== null && dragged < place
                  ? "below"
                  : "above"
                : undefined
            }
            data-dragged={dragged === place || undefined}
            data-lit={lit ? state(lit, place) : undefined}
            onDragOver={(event) => {
              if (dragged === null) return;
              event.preventDefault();
              setOver(place);
            }}
            onDrop={drop}
            onKeyDown={(event) => {
              if (!event.altKey || disabled || (event.key !== "ArrowUp" && event.key !== "ArrowDown")) return;
              event.preventDefault();
              event.stopPropagation();
              move(place, place + (event.key === "ArrowUp" ? -1 : 1));
            }}
          >
            <span
              className="branch-handle"
              draggable={!disabled}
              onDragStart={(event) => {
                event.dataTransfer.effectAllowed = "move";
                event.dataTransfer.setData("text/plain", String(place));
                setDragged(place);
              }}
              onDragEnd={drop}
              title={disabled ? undefined : "Drag to move, or Alt ↑ ↓"}
              aria-hidden="true"
            >
              {place + 1}
            </span>
            <div className="branch-body">
              <div className="branch-part">
                <span className="branch-word">if</span>
                <Code
                  label={`${label}: condition of branch ${place + 1}`}
                  home={home}
                  value={branch.if}
                  onChange={(text) =>
                    set(value.match.map((old, index) => (index === place ? { ...old, if: text } : old)))
                  }
                  disabled={disabled}
                  hint="rcpt_domain == 'example.org'"
                  {...at(`match.${place}.if`)}
                />
              </div>
              {lit?.outcomes[place] && <Outcome lit={lit} place={place} />}
              <div className="branch-part">
                <span className="branch-word">then</span>
                <Result
                  label={`${label}: result of branch ${place + 1}`}
                  home={home}
                  yields={yields}
                  value={branch.then}
                  onChange={(text) =>
                    set(value.match.map((old, index) => (index === place ? { ...old, then: text } : old)))
                  }
                  disabled={disabled}
                  {...at(`match.${place}.then`)}
                />
              </div>
            </div>
            {!disabled && (
              <div className="branch-tools">
                <ActionIcon
                  size="sm"
                  aria-label={`Move branch ${place + 1} up`}
                  disabled={place === 0}
                  onClick={() => move(place, place - 1)}
                >
                  ↑
                </ActionIcon>
                <ActionIcon
                  size="sm"
                  aria-label={`Move branch ${place + 1} down`}
                  disabled={place === value.match.length - 1}
                  onClick={() => move(place, place + 1)}
                >
                  ↓
                </ActionIcon>
                <ActionIcon
                  size="sm"
                  aria-label={`Delete branch ${place + 1}`}
                  onClick={() => {
                    keys.drop(place);
                    set(value.match.filter((_, index) => index !== place));
                  }}
                >
                  ✕
                </ActionIcon>
              </div>
            )}
          </li>
        ))}
      </ol>
      <div className="branch branch-else" data-lit={lit ? (lit.fired === null ? "fired" : "not") : undefined}>
        <span className="branch-handle branch-fixed" aria-hidden="true" />
        <div className="branch-body">
          <div className="branch-part">
            <span className="branch-word">{value.match.length > 0 ? "else" : word}</span>
            <Result
              label={`${label}: else`}
              home={home}
              yields={yields}
              value={value.else}
              onChange={(text) => onChange({ ...value, else: text })}
              disabled={disabled}
              {...at("else")}
            />
          </div>
        </div>
      </div>
      {elsewhere.map((one) => (
        <div key={`${one.place} ${one.message}`} className="field-error">
          {one.message} {one.hint}
        </div>
      ))}
      {!disabled && (
        <Button
          variant="default"
          size="compact-xs"
          onClick={() => {
            keys.add();
            set([...value.match, { if: "", then: yields ? "" : "true" }]);
          }}
        >
          Add a branch
        </Button>
      )}
    </div>
  );
}

function state(lit: Lit, place: number): string {
  if (lit.fired === place) return "fired";
  return lit.fired !== null && place > lit.fired ? "unasked" : "not";
}

function Outcome({ lit, place }: { lit: Lit; place: number }) {
  const outcome = lit.outcomes[place];
  if (!outcome) return null;
  return (
    <div className="branch-outcome">
      <strong>{outcome.value === null ? "not asked" : outcome.value ? "true" : "false"}</strong>
      {outcome.text && <span className="mono"> {outcome.text}</span>}
    </div>
  );
}

interface CodeProps {
  label: string;
  home: Home;
  value: string;
  onChange: (text: string) => void;
  disabled: boolean;
  errors: Finding[];
  warnings: Finding[];
  hint?: string;
}

/** The editor with what is wrong below it. */
function Code(props: CodeProps) {
  return (
    <div className="branch-code">
      <CodeField {...props} />
      <Wrong errors={props.errors} warnings={props.warnings} />
    </div>
  );
}

function Wrong({ errors, warnings }: { errors: Finding[]; warnings: Finding[] }) {
  return (
    <>
      {errors.map((one) => (
        <div key={`${one.start} ${one.message}`} className="field-error">
          {one.message}
          {one.hint && <span className="dim"> {one.hint}</span>}
        </div>
      ))}
      {warnings.map((one) => (
        <div key={`${one.start} ${one.message}`} className="field-warning">
          {one.message}
          {one.hint && <span className="dim"> {one.hint}</span>}
        </div>
      ))}
    </>
  );
}

/** A name to choose, or an expression that yields one. */
function Result(props: CodeProps & { yields: string | null }) {
  const { yields, value, onChange, disabled, label } = props;
  const name = literal(value);
  const [free, setFree] = useState(name === null && value !== "");
  const all = useObjects<Item>(yields ?? "MtaRoute", { enabled: yields !== null, staleMs: 15_000 });
  if (yields === null) return <Code {...props} />;
  const known = (all.data?.list ?? []).map((item) => String(item.name));
  if (free || (name === null && value !== "")) {
    return (
      <div className="branch-result">
        <Code {...props} hint={quoted(known[0] ?? "name")} />
        {!disabled && name !== null && (
          <button type="button" className="branch-way" onClick={() => setFree(false)}>
            choose a name
          </button>
        )}
      </div>
    );
  }
  const missing = name !== null && name !== "" && !known.includes(name) && all.data !== undefined;
  return (
    <div className="branch-result">
      <div>
        <Select
          aria-label={label}
          size="xs"
          w={220}
          data={missing ? [...known, name] : known}
          value={name === "" ? null : name}
          onChange={(next) => next !== null && onChange(quoted(next))}
          placeholder="choose"
          searchable
          allowDeselect={false}
          disabled={disabled}
          error={props.errors.length > 0}
          classNames={{ input: "mono", option: "mono" }}
          nothingFoundMessage="None by that name"
        />
        <Wrong errors={props.errors} warnings={props.warnings} />
      </div>
      {!disabled && (
        <button type="button" className="branch-way" onClick={() => setFree(true)}>
          as expression
        </button>
      )}
    </div>
  );
}

/** A name for each branch that stays with it when it moves. */
function useKeysOf(count: number) {
  const keys = useRef<number[]>([]);
  const next = useRef(0);
  while (keys.current.length < count) keys.current.push(next.current++);
  keys.current.length = count;
  return {
    at: (place: number) => keys.current[place] ?? place,
    move: (from: number, to: number) => {
      keys.current = moved(keys.current, from, to);
    },
    drop: (place: number) => {
      keys.current = keys.current.filter((_, index) => index !== place);
    },
    add: () => {
      keys.current = [...keys.current, next.current++];
    },
  };
}
