// Is a change on trial now, and until when?
import { type GetAnswer, useMethod } from "@/api/hooks";
import type { RevisionItem } from "./useEditor";

/** Milliseconds between two questions about it. */
const REFRESH_MS = 10_000;

/** The last revisions, the youngest first. */
export function useRevisions() {
  return useMethod<GetAnswer<RevisionItem>>("x:Revision/get", { ids: null }, { refreshMs: REFRESH_MS });
}

/** The revision that goes back by itself unless it is confirmed. */
export function useTrial(): RevisionItem | null {
  const revisions = useRevisions();
  return revisions.data?.list.find(({ confirmBy }) => confirmBy !== null) ?? null;
}
