// What happened, newest first, a page at a time.

import { useInfiniteQuery } from "@tanstack/react-query";
import type { Problem } from "@/api/errors";
import { call } from "@/api/jmap";
import type { HistoryMessage } from "@/mail/types";

/** Messages of a page. */
const PAGE = 50;

/** `more`: older ones match too; `incomplete`: the server stopped searching before the end. */
type Found = { ids: string[]; total?: number; more?: boolean; incomplete?: boolean };

type Page = { messages: HistoryMessage[]; total: number | undefined; last: string | undefined; cut: boolean };

export function useHistory(filter: Record<string, unknown>, refreshMs: number) {
  return useInfiniteQuery<Page, Problem, { pages: Page[] }, unknown[], string | undefined>({
    queryKey: ["x:MessageHistory/query", filter],
    initialPageParam: undefined,
    refetchInterval: refreshMs,
    getNextPageParam: (page) => page.last,
    queryFn: async ({ pageParam }) => {
      const anchor = pageParam === undefined ? {} : { anchor: pageParam, anchorOffset: 1 };
      const found = await call<Found>("x:MessageHistory/query", {
        filter,
        limit: PAGE,
        calculateTotal: true,
        ...anchor,
      });
      if (found.ids.length === 0)
        return { messages: [], total: found.total ?? 0, last: undefined, cut: found.incomplete ?? false };
      const got = await call<{ list: HistoryMessage[] }>("x:MessageHistory/get", { ids: found.ids });
      const byId = new Map(got.list.map((message) => [message.id, message]));
      return {
        messages: found.ids.flatMap((id) => byId.get(id) ?? []),
        total: found.total,
        last: (found.more ?? found.ids.length >= PAGE) ? found.ids.at(-1) : undefined,
        cut: found.incomplete ?? false,
      };
    },
  });
}
