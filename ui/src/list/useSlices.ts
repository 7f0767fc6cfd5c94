// Which rows of a long list are loaded? Those in sight, in slices of one size, asked again while they are seen.

import { keepPreviousData, useQueries } from "@tanstack/react-query";
import { useRef } from "react";
import type { Problem } from "@/api/errors";
import { call } from "@/api/jmap";

/** Rows of a slice. */
export const SLICE = 60;

type Slice<T> = { rows: T[]; total: number };

export type Slices<T> = {
  /** The row at an index, if it is loaded. */
  row: (index: number) => T | undefined;
  /** How many rows there are; undefined until the first answer. */
  total: number | undefined;
  problem: Problem | null;
  loading: boolean;
};

/** The slices of `x:{type}/query` that hold the rows from `first` to `last`. */
export function useSlices<T extends { id: string }>(
  type: string,
  query: Record<string, unknown>,
  range: { first: number; last: number },
  options: { refreshMs?: number; properties?: string[]; enabled?: boolean } = {},
): Slices<T> {
  const from = Math.floor(Math.max(0, range.first) / SLICE);
  const to = Math.floor(Math.max(0, range.last) / SLICE);
  const numbers = Array.from({ length: to - from + 1 }, (_, index) => from + index);
  const answers = useQueries({
    queries: numbers.map((number) => ({
      queryKey: [`x:${type}/query`, query, number, options.properties ?? null],
      queryFn: () => slice<T>(type, query, number, options.properties),
      refetchInterval: options.refreshMs ?? (false as const),
      enabled: options.enabled ?? true,
      placeholderData: keepPreviousData,
    })),
  });
  const loaded = new Map<number, Slice<T>>();
  answers.forEach((answer, index) => {
    if (answer.data && !answer.isPlaceholderData) loaded.set(numbers[index] ?? 0, answer.data);
  });
  const key = JSON.stringify(query);
  const newest = answers.find((answer) => answer.data !== undefined && !answer.isPlaceholderData)?.data;
  // Far away no slice is loaded yet, but the list is as long as it was: else it would spring to its beginning.
  const known = useRef({ key, total: newest?.total });
  if (newest !== undefined) known.current = { key, total: newest.total };
  const total = newest?.total ?? (known.current.key === key ? known.current.total : undefined);
  return {
    row: (index) => loaded.get(Math.floor(index / SLICE))?.rows[index % SLICE],
    total,
    problem: (answers.find((answer) => answer.error)?.error as Problem | undefined) ?? null,
    loading: answers.some((answer) => answer.isPending),
  };
}

async function slice<T extends { id: string }>(
  type: string,
  query: Record<string, unknown>,
  number: number,
  properties: string[] | undefined,
): Promise<Slice<T>> {
  const found = await call<{ ids: string[]; total?: number }>(`x:${type}/query`, {
    ...query,
    position: number * SLICE,
    limit: SLICE,
    calculateTotal: true,
  });
  const total = found.total ?? number * SLICE + found.ids.length;
  if (found.ids.length === 0) return { rows: [], total };
  const wanted = properties === undefined ? {} : { properties };
  const got = await call<{ list: T[] }>(`x:${type}/get`, { ids: found.ids, ...wanted });
  const byId = new Map(got.list.map((one) => [one.id, one]));
  return { rows: found.ids.flatMap((id) => byId.get(id) ?? []), total };
}
