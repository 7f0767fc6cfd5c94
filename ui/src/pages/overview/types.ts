// The shapes of `x:Statistics/get` and what else the overview asks for.

import type { At } from "@/mail/types";

/** Points of a series: time and count. */
export type Series = readonly (readonly [number | string, number])[];

export type Statistics = {
  series: Partial<Record<"accepted" | "delivered" | "deferred" | "failed", Series>>;
  totals?: Record<string, number>;
  routes?: Record<string, number>;
  queue?: { recipients: number; messages: number; oldest: At | null; held: number };
  health?: unknown;
  [more: string]: unknown;
};

export type NextHop = {
  id: string;
  [more: string]: unknown;
};

export type Revision = {
  id: string;
  number: number;
  at: At;
  author: string;
  comment: string | null;
  differences?: unknown;
  confirmBy?: At | null;
};
