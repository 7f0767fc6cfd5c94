// Sends a change of administrators or tokens; what is wrong comes back by field.
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { setErrorText } from "@/api/errors";
import { forget } from "@/api/hooks";
import { call } from "@/api/jmap";
import { type Change, refusal, type SetAnswer } from "@/editor/changes";
import { faultsOf } from "@/forms/faults";
import { report } from "@/shell/report";

export interface Refused {
  general: string | null;
  fields: Record<string, string>;
}

export function useSet(type: string) {
  const client = useQueryClient();
  const [busy, setBusy] = useState(false);
  const [refused, setRefused] = useState<Refused>({ general: null, fields: {} });
  const send = async (change: Change): Promise<SetAnswer | null> => {
    setBusy(true);
    setRefused({ general: null, fields: {} });
    try {
      const answer = await call<SetAnswer>(`x:${type}/set`, { ...change });
      const error = refusal(answer);
      if (error) {
        const faults = faultsOf(error);
        const fields = Object.fromEntries(
          faults.flatMap(({ path, message }) => (path[0] ? [[path[0], message]] : [])),
        );
        setRefused({ general: Object.keys(fields).length > 0 ? null : setErrorText(error), fields });
        return null;
      }
      void forget(client);
      return answer;
    } catch (error) {
      report(error);
      return null;
    } finally {
      setBusy(false);
    }
  };
  return { send, busy, refused, forgive: () => setRefused({ general: null, fields: {} }) };
}
