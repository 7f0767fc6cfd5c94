// One line of the expression language: completion and errors while typing.
import {
  acceptCompletion,
  autocompletion,
  type CompletionContext,
  type CompletionResult,
  completionKeymap,
  startCompletion,
} from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { bracketMatching } from "@codemirror/language";
import { type Diagnostic, setDiagnostics } from "@codemirror/lint";
import { Compartment, EditorState } from "@codemirror/state";
import { EditorView, keymap, placeholder } from "@codemirror/view";
import { useEffect, useRef } from "react";
import { complete, type Finding, type Home } from "./ask";
import { colouring } from "./language";
import { bytesAt, positionAt } from "./places";

export interface CodeFieldProps {
  value: string;
  onChange: (text: string) => void;
  home: Home;
  /** What is to be underlined. */
  errors: Finding[];
  warnings: Finding[];
  label: string;
  disabled?: boolean;
  hint?: string;
  onEnter?: () => void;
  autoFocus?: boolean;
}

/** Milliseconds without typing after which completions are fetched. */
const COMPLETE_DELAY_MS = 120;

export default function CodeField(props: CodeFieldProps) {
  const { value, errors, warnings, disabled } = props;
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const latest = useRef(props);
  latest.current = props;
  const editable = useRef(new Compartment());

  useEffect(() => {
    if (!host.current) return;
    const editor = new EditorView({
      parent: host.current,
      state: EditorState.create({
        doc: latest.current.value,
        extensions: extensions(latest, editable.current),
      }),
    });
    view.current = editor;
    if (latest.current.autoFocus) editor.focus();
    return () => {
      editor.destroy();
      view.current = null;
    };
  }, []);

  useEffect(() => {
    const editor = view.current;
    if (editor && editor.state.doc.toString() !== value) {
      editor.dispatch({ changes: { from: 0, to: editor.state.doc.length, insert: value } });
    }
  }, [value]);

  useEffect(() => {
    const editor = view.current;
    if (!editor) return;
    const text = editor.state.doc.toString();
    const all = [
      ...errors.map((one) => diagnostic(one, "error", text)),
      ...warnings.map((one) => diagnostic(one, "warning", text)),
    ];
    editor.dispatch(setDiagnostics(editor.state, all));
  }, [errors, warnings]);

  useEffect(() => {
    view.current?.dispatch({
      effects: editable.current.reconfigure([
        EditorView.editable.of(!disabled),
        EditorState.readOnly.of(disabled ?? false),
      ]),
    });
  }, [disabled]);

  return <div ref={host} className="code" data-error={errors.length > 0 || undefined} />;
}

function extensions(latest: { current: CodeFieldProps }, editable: Compartment) {
  return [
    history(),
    bracketMatching(),
    ...colouring,
    EditorView.lineWrapping,
    EditorView.contentAttributes.of({
      "aria-label": latest.current.label,
      spellcheck: "false",
      autocapitalize: "off",
    }),
    placeholder(latest.current.hint ?? ""),
    editable.of([]),
    autocompletion({
      override: [(context) => completions(latest, context)],
      activateOnTypingDelay: COMPLETE_DELAY_MS,
      icons: false,
    }),
    keymap.of([
      { key: "Tab", run: acceptCompletion },
      { key: "Alt-/", run: startCompletion },
      ...completionKeymap,
      {
        key: "Enter",
        run: () => {
          latest.current.onEnter?.();
          return true;
        },
      },
      ...historyKeymap,
      ...defaultKeymap,
    ]),
    // A pasted text of several lines becomes one.
    EditorState.transactionFilter.of((transaction) => {
      if (!transaction.docChanged || transaction.newDoc.lines === 1) return transaction;
      const text = transaction.newDoc.toString().replace(/\s*\n\s*/g, " ");
      return {
        changes: { from: 0, to: transaction.startState.doc.length, insert: text },
        selection: { anchor: text.length },
      };
    }),
    EditorView.updateListener.of((update) => {
      if (update.docChanged) latest.current.onChange(update.state.doc.toString());
    }),
  ];
}

function diagnostic(finding: Finding, severity: "error" | "warning", text: string): Diagnostic {
  const from = positionAt(text, finding.start);
  const to = Math.max(positionAt(text, finding.end), from);
  return {
    from: from === to && from > 0 ? from - 1 : from,
    to: from === to && from === 0 ? Math.min(1, text.length) : to,
    severity,
    message: finding.hint ? `${finding.message}\n${finding.hint}` : finding.message,
  };
}

async function completions(
  latest: { current: CodeFieldProps },
  context: CompletionContext,
): Promise<CompletionResult | null> {
  const before = context.matchBefore(/[\w'"$]+$/);
  if (!before && !context.explicit) return null;
  try {
    const text = context.state.doc.toString();
    const answer = await complete(latest.current.home, text, bytesAt(text, context.pos));
    return {
      from: positionAt(text, answer.from),
      options: answer.items.map((item) => ({
        label: item.label,
        type: item.kind,
        detail: item.detail ?? undefined,
        info: item.help ?? undefined,
      })),
      validFor: /^[\w'"]*$/,
    };
  } catch {
    return null;
  }
}
