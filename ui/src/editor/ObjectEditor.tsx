// The page of one object: its form, and what is to be known beside it.
import { Text } from "@mantine/core";
import type { ReactNode } from "react";
import { useMe } from "@/api/hooks";
import { type Role, reaches } from "@/api/session";
import { Form } from "@/forms/Form";
import type { Draft, Json } from "@/forms/schema";
import { Trouble } from "@/shell/Trouble";
import type { SetAnswer } from "./changes";
import { Guard } from "./Guard";
import { MismatchDialog } from "./MismatchDialog";
import { PageHead } from "./PageHead";
import { Remove } from "./Remove";
import { SaveBar } from "./SaveBar";
import { type Editor, useEditor } from "./useEditor";

export interface EditorContext {
  editor: Editor;
  draft: Draft;
  id: string | null;
  readOnly: boolean;
}

export interface ObjectEditorProps {
  type: string;
  /** `null` makes a new one. */
  id: string | null;
  noun: string;
  up?: { to: string; label: string };
  title?: string;
  start?: Draft;
  /** What cannot be done without this role. */
  least?: Role;
  hidden?: string[];
  /** Shown beside or below the form. */
  aside?: (context: EditorContext) => ReactNode;
  before?: (context: EditorContext) => ReactNode;
  actions?: (context: EditorContext) => ReactNode;
  removeNote?: (context: EditorContext) => ReactNode;
  onSaved?: (answer: SetAnswer) => void;
  onGone?: () => void;
  nameOf?: (draft: Draft) => Json;
}

export function ObjectEditor(props: ObjectEditorProps) {
  const { type, id, noun, up, start, least = "router", onSaved, onGone } = props;
  const me = useMe();
  const editor = useEditor(type, id, { ...(start ? { start } : {}), ...(onSaved ? { onSaved } : {}) });
  const readOnly = !reaches(me.data?.role, least);
  if (editor.error && !editor.draft) return <Trouble error={editor.error} retry={editor.retry} />;
  if (editor.missing) return <Gone noun={noun} {...(up ? { up } : {})} />;
  if (!editor.draft || !editor.schema) return <div className="loading" role="status" aria-label="Loading" />;
  const draft = editor.draft;
  const name = String((props.nameOf ? props.nameOf(draft) : (draft.name ?? draft.description)) ?? id ?? "");
  const context = { editor, draft, id, readOnly };
  const isNew = id === null;
  return (
    <div className="editor">
      <PageHead
        title={props.title ?? (isNew ? `New ${noun}` : <span className="mono">{name}</span>)}
        {...(up ? { up } : {})}
        intro={editor.schema.help}
        actions={
          <>
            {props.actions?.(context)}
            {!isNew && !readOnly && onGone && (
              <Remove
                type={type}
                id={id}
                name={name}
                noun={noun}
                onGone={onGone}
                note={props.removeNote?.(context)}
              />
            )}
          </>
        }
      />
      {readOnly && (
        <Text size="sm" c="dimmed" mb="sm">
          You see these settings; to change them one needs the role {least}.
        </Text>
      )}
      {props.before?.(context)}
      <div className={props.aside ? "editor-two" : undefined}>
        <Form
          schema={editor.schema}
          draft={draft}
          saved={editor.saved}
          onChange={editor.setDraft}
          faults={editor.faults}
          readOnly={readOnly}
          {...(props.hidden ? { hidden: props.hidden } : {})}
        />
        {props.aside && <aside>{props.aside(context)}</aside>}
      </div>
      {!readOnly && (
        <SaveBar
          changes={editor.changes}
          busy={editor.busy}
          faulty={editor.faults.length > 0}
          isNew={isNew}
          onSave={editor.save}
          onDiscard={() => {
            editor.discard();
            if (isNew) onGone?.();
          }}
        />
      )}
      <Guard dirty={editor.dirty && !editor.busy} />
      <MismatchDialog editor={editor} />
    </div>
  );
}

function Gone({ noun, up }: { noun: string; up?: { to: string; label: string } }) {
  return (
    <>
      <PageHead title={`There is no such ${noun}`} {...(up ? { up } : {})} />
      <Text size="sm">It may have been removed. The revisions tell when and by whom.</Text>
    </>
  );
}
