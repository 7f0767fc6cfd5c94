// What is being edited, from when it was read until it is saved?
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useMemo, useRef, useState } from "react";
import { flushSync } from "react-dom";
import { asProblem, type Problem } from "@/api/errors";
import { forget, type GetAnswer, type Item, useMethod } from "@/api/hooks";
import { call } from "@/api/jmap";
import type { Fault } from "@/forms/faults";
import {
  blank,
  type Draft,
  differences,
  type Json,
  type Merge,
  merge,
  patch,
  readDocument,
  type TypeSchema,
  variantOf,
  writeDocument,
} from "@/forms/schema";
import { done, report } from "@/shell/report";
import { faults as faultsOfError, findings, refusal, type SetAnswer, send, type Wishes } from "./changes";
import { useSchema } from "./schemas";

export interface RevisionItem extends Item {
  number: number;
  at: string;
  author: string;
  comment: string | null;
  differences: string[];
  differencesTotal?: number;
  restores?: number | null;
  confirmBy: string | null;
  /** The revision that a trial goes back to; several trials in a row go back to where the first began. */
  backTo?: number | null;
}

/** What somebody else has done since this was read. */
export interface Mismatch extends Merge {
  theirs: Draft | null;
  state: string | null;
  revisions: RevisionItem[];
}

export interface Editor {
  schema: TypeSchema | undefined;
  /** What the server had when editing began; null for a new object. */
  saved: Draft | null;
  draft: Draft | null;
  dirty: boolean;
  /** How many properties differ. */
  changes: number;
  faults: Fault[];
  busy: boolean;
  error: Problem | null;
  missing: boolean;
  mismatch: Mismatch | null;
  setDraft: (draft: Draft) => void;
  setFaults: (faults: Fault[]) => void;
  discard: () => void;
  save: (wishes: Wishes) => Promise<boolean>;
  /** Takes what others did, and my changes on top of it. */
  rebase: () => void;
  dismiss: () => void;
  retry: () => void;
}

interface Base {
  saved: Draft;
  state: string | null;
}

/** The object `id` of a type; `null` edits a new one that begins as `start`. */
export function useEditor(
  type: string,
  id: string | null,
  { start, onSaved }: { start?: Draft; onSaved?: (answer: SetAnswer) => void } = {},
): Editor {
  const client = useQueryClient();
  const { schema, error: schemaError, refetch } = useSchema(type);
  const query = useMethod<GetAnswer>(`x:${type}/get`, { ids: [id ?? ""] }, { enabled: id !== null });
  const [base, setBase] = useState<Base | null>(null);
  const [draft, setDraft] = useState<Draft | null>(null);
  const [faults, setFaults] = useState<Fault[]>([]);
  const [busy, setBusy] = useState(false);
  const [mismatch, setMismatch] = useState<Mismatch | null>(null);
  const taken = useRef<GetAnswer | undefined>(undefined);

  const saved = id === null ? null : (base?.saved ?? null);
  const fresh = useMemo(
    () => (schema && id === null ? { ...blank(variantOf(schema.variants, start)), ...start } : null),
    [schema, id, start],
  );
  const changed = useMemo(() => {
    const from = saved ?? fresh;
    return from && draft ? differences(from, draft).length : 0;
  }, [saved, fresh, draft]);
  const dirty = changed > 0;

  // biome-ignore lint/correctness/useExhaustiveDependencies: another object begins anew
  useEffect(() => {
    taken.current = undefined;
    setBase(null);
    setDraft(null);
    setFaults([]);
    setMismatch(null);
  }, [type, id]);

  // What the server has is taken over as long as nothing has been typed.
  useEffect(() => {
    if (!schema) return;
    if (id === null) {
      if (draft === null && fresh) setDraft(fresh);
      return;
    }
    if (dirty || taken.current === query.data) return;
    const item = query.data?.list.find((one) => one.id === id);
    if (!item) return;
    taken.current = query.data;
    const next = readDocument(schema.variants, item as { [name: string]: Json });
    setBase({ saved: next, state: query.data?.state ?? null });
    setDraft(next);
  }, [schema, query.data, id, fresh, dirty, draft]);

  const succeed = (answer: SetAnswer) => {
    setFaults([]);
    setMismatch(null);
    if (draft && id !== null) setBase({ saved: draft, state: answer.newState ?? answer.state ?? null });
    // Nothing is unsaved any more: the page of the new object may be opened at once.
    if (id === null) flushSync(() => setDraft(fresh));
    void forget(client);
    const number = answer.revision === undefined ? "" : ` as revision ${answer.revision}`;
    const trial = answer.confirmBy ? " It goes back by itself unless you confirm it." : "";
    done(
      `${answer.revision === undefined ? "Nothing was different." : `In force${number}.`}${trial}`,
      "Saved",
    );
    onSaved?.(answer);
  };

  const save = async (wishes: Wishes): Promise<boolean> => {
    if (!schema || !draft) return false;
    setBusy(true);
    try {
      const change =
        id === null
          ? { create: { new: writeDocument(schema.variants, draft) } }
          : { update: { [id]: patch(schema, saved ?? {}, draft) } };
      const answer = await send(type, change, wishes, id === null ? null : base?.state);
      const refused = refusal(answer);
      if (refused) {
        setFaults(faultsOfError(refused));
        return false;
      }
      succeed(answer);
      return true;
    } catch (thrown) {
      const problem = asProblem(thrown);
      if (problem.type === "stateMismatch" && id !== null && base) {
        setMismatch(await compare(type, id, schema, base, draft).catch(() => null));
      } else if (problem.type === "invalidSettings") {
        setFaults(findings(problem, type, String(draft.name ?? "")));
      } else report(problem, "Saving");
      return false;
    } finally {
      setBusy(false);
    }
  };

  return {
    schema,
    saved,
    draft,
    dirty,
    changes: changed,
    faults,
    busy,
    error: (schemaError ?? query.error) as Problem | null,
    missing: id !== null && query.data !== undefined && !query.data.list.some((one) => one.id === id),
    mismatch,
    setDraft: (next) => {
      setDraft(next);
      if (faults.length > 0) setFaults(stillThere(faults, draft, next));
    },
    setFaults,
    discard: () => {
      setDraft(saved ?? fresh);
      setFaults([]);
      void query.refetch();
    },
    save,
    rebase: () => {
      if (!mismatch?.theirs) return;
      setBase({ saved: mismatch.theirs, state: mismatch.state });
      setDraft(mismatch.merged);
      setMismatch(null);
    },
    dismiss: () => setMismatch(null),
    retry: () => {
      void refetch();
      void query.refetch();
    },
  };
}

/** Faults of properties that have not been touched since. */
function stillThere(faults: Fault[], before: Draft | null, after: Draft): Fault[] {
  if (!before) return faults;
  const touched = new Set(differences(before, after).map(({ property }) => property));
  return faults.filter(({ path }) => path[0] !== undefined && !touched.has(path[0]));
}

/** What is there now, who did it, and how my changes fit on top. */
async function compare(
  type: string,
  id: string,
  schema: TypeSchema,
  base: Base,
  draft: Draft,
): Promise<Mismatch> {
  const [now, all] = await Promise.all([
    call<GetAnswer>(`x:${type}/get`, { ids: [id] }),
    call<GetAnswer<RevisionItem>>("x:Revision/get", { ids: null }).catch(() => ({
      list: [] as RevisionItem[],
    })),
  ]);
  const item = now.list[0];
  const theirs = item ? readDocument(schema.variants, item as { [name: string]: Json }) : null;
  const since = Number(base.state ?? 0);
  return {
    ...(theirs ? merge(base.saved, draft, theirs) : { merged: draft, conflicts: [] }),
    theirs,
    state: now.state ?? null,
    revisions: all.list.filter(({ number }) => number > since),
  };
}
