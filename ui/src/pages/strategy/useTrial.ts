// What would become of a message under the settings as they stand here, unsaved?
import { useEffect, useState } from "react";
import type { Problem } from "@/api/errors";
import { useMethod } from "@/api/hooks";
import type { Json } from "@/forms/schema";
import type { Report } from "@/pages/explain/types";

export interface Trial {
  from: string;
  to: string;
  authenticatedAs?: string;
  clientIp?: string;
  size?: string;
  retryNum?: string;
  lastError?: string;
  header?: string;
}

export interface Tested {
  report: Report | null;
  problem: Problem | null;
  busy: boolean;
}

/** Milliseconds without typing after which the server is asked. */
const DELAY_MS = 300;

/** Asks again whenever the message or the draft changes, a moment later. */
export function useTrial(
  trial: Trial,
  change: { object: string; update: Record<string, { [name: string]: Json }> },
  dirty: boolean,
): Tested {
  const wanted = JSON.stringify(argumentsOf(trial, dirty ? change : null));
  const [asked, setAsked] = useState(wanted);
  useEffect(() => {
    const timer = setTimeout(() => setAsked(wanted), DELAY_MS);
    return () => clearTimeout(timer);
  }, [wanted]);
  const enabled = trial.to.includes("@");
  const answer = useMethod<{ list?: Report[]; reports?: Report[] }>(
    "x:Explanation/get",
    JSON.parse(asked) as Record<string, unknown>,
    { enabled: enabled && asked !== "{}", keep: true, staleMs: 2_000 },
  );
  const reports = answer.data?.list ?? answer.data?.reports ?? [];
  return {
    report: enabled && !answer.error ? (reports[0] ?? null) : null,
    problem: enabled ? answer.error : null,
    busy: answer.isFetching || wanted !== asked,
  };
}

/** The arguments of `x:Explanation/get`; nothing without a recipient. */
export function argumentsOf(trial: Trial, change: object | null): Record<string, unknown> {
  if (!trial.to.includes("@")) return {};
  const number = (text: string | undefined) => (text && /^\d+$/.test(text.trim()) ? Number(text) : undefined);
  const wanted: Record<string, unknown> = {
    from: trial.from.replace(/[<>]/g, "").trim(),
    to: [trial.to.trim()],
    authenticatedAs: trial.authenticatedAs?.trim() || undefined,
    clientIp: trial.clientIp?.trim() || undefined,
    size: number(trial.size),
    retryNum: number(trial.retryNum),
    lastError: trial.lastError?.trim() || undefined,
    header: trial.header?.trim() ? trial.header.trim().split("\n") : undefined,
    draft: change ? { changes: [change] } : undefined,
  };
  return Object.fromEntries(Object.entries(wanted).filter(([, value]) => value !== undefined));
}
