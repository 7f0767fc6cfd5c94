// Settings › Strategy: the four expressions that choose how each recipient is delivered, tried out while one edits.
import { Text } from "@mantine/core";
import { useState } from "react";
import { useMe } from "@/api/hooks";
import { reaches } from "@/api/session";
import { Guard } from "@/editor/Guard";
import { MismatchDialog } from "@/editor/MismatchDialog";
import { PageHead } from "@/editor/PageHead";
import { SaveBar } from "@/editor/SaveBar";
import { useEditor } from "@/editor/useEditor";
import ExpressionField from "@/expression/ExpressionField";
import { below } from "@/forms/faults";
import { Help } from "@/forms/Help";
import { patch, read, same } from "@/forms/schema";
import { Trouble } from "@/shell/Trouble";
import { litOf } from "./lit";
import { TestLine } from "./TestLine";
import { type Trial, useTrial } from "./useTrial";
import "./strategy.css";

const TYPE = "MtaOutboundStrategy";

/** What each expression decides, in the order in which they are asked. */
const PARTS = [
  { name: "route", title: "Route" },
  {
    name: "schedule",
    title: "Schedule",
    when: "asked when mail is accepted and after each temporary failure",
  },
  { name: "connection", title: "Connection" },
  { name: "tls", title: "TLS" },
] as const;

export default function Strategy() {
  const me = useMe();
  const editor = useEditor(TYPE, "singleton");
  const [trial, setTrial] = useState<Trial>({ from: "", to: "" });
  const { schema, draft, saved } = editor;
  const change = schema && draft && saved ? patch(schema, saved, draft) : {};
  const tested = useTrial(trial, { object: TYPE, update: { singleton: change } }, editor.dirty);
  if (editor.error && !draft) return <Trouble error={editor.error} retry={editor.retry} />;
  if (!schema || !draft) return <div className="loading" role="status" aria-label="Loading" />;
  const readOnly = !reaches(me.data?.role, "router");
  const properties = schema.variants[0]?.properties ?? [];
  return (
    <div className="editor">
      <PageHead
        title="Strategy"
        intro="How each recipient is delivered. Of each list the first branch whose condition is true decides."
      />
      <TestLine trial={trial} onChange={setTrial} tested={tested} dirty={editor.dirty} />
      {PARTS.map(({ name, title }) => {
        const property = properties.find((one) => one.name === name);
        if (property?.kind !== "expression") return null;
        const standard = read(property, property.default);
        return (
          <section key={name} className="strategy-part" aria-labelledby={`part-${name}`}>
            <header>
              <h2 id={`part-${name}`}>{title}</h2>
              <Text size="xs" c="dimmed">
                <Help text={property.help} />
                {!readOnly && !same(draft[name], standard) && (
                  <>
                    {" "}
                    <button
                      type="button"
                      className="linkish"
                      onClick={() => editor.setDraft({ ...draft, [name]: standard })}
                    >
                      Back to the default
                    </button>
                  </>
                )}
              </Text>
            </header>
            <ExpressionField
              kind={property}
              name={name}
              object={TYPE}
              path={[name]}
              value={draft[name] ?? null}
              saved={saved?.[name] ?? null}
              isNew={false}
              onChange={(value) => editor.setDraft({ ...draft, [name]: value })}
              faults={below(editor.faults, name)}
              disabled={readOnly}
              yields={property.yields}
              lit={litOf(tested.report, name)}
            />
          </section>
        );
      })}
      {!readOnly && (
        <SaveBar
          changes={editor.changes}
          busy={editor.busy}
          faulty={editor.faults.length > 0}
          onSave={editor.save}
          onDiscard={editor.discard}
        />
      )}
      <Guard dirty={editor.dirty && !editor.busy} />
      <MismatchDialog editor={editor} />
    </div>
  );
}
