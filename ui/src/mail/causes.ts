// Why does mail wait? The causes as the server groups them, the heaviest first.

import { useQuery } from "@tanstack/react-query";
import type { Problem } from "@/api/errors";
import { useMethod } from "@/api/hooks";
import { call } from "@/api/jmap";
import type { QueueCause } from "./types";

/** Causes shown on one page. */
const CAUSES_MAX = 100;

/** The causes and how many there are; asked again while they are seen. */
export function useCauses(limit = CAUSES_MAX, refreshMs = 5_000) {
  return useQuery<{ causes: QueueCause[]; total: number }, Problem>({
    queryKey: ["x:QueueCause/query", limit],
    queryFn: async () => {
      const found = await call<{ ids: string[]; total?: number }>("x:QueueCause/query", {
        limit,
        calculateTotal: true,
      });
      if (found.ids.length === 0) return { causes: [], total: 0 };
      const got = await call<{ list: QueueCause[] }>("x:QueueCause/get", { ids: found.ids });
      const byId = new Map(got.list.map((cause) => [cause.id, cause]));
      return {
        causes: found.ids.flatMap((id) => byId.get(id) ?? []),
        total: found.total ?? found.ids.length,
      };
    },
    refetchInterval: refreshMs,
  });
}

/** One cause by its id. */
export function useCause(id: string | undefined) {
  const got = useMethod<{ list: QueueCause[] }>(
    "x:QueueCause/get",
    { ids: [id ?? ""] },
    { enabled: id !== undefined },
  );
  return id === undefined ? undefined : got.data?.list[0];
}

/** How much it asks for somebody: what is broken, what only waits, what is as it should be. */
export function weight(cause: QueueCause): "bad" | "wait" | "idle" {
  if (["down", "ours", "auth", "tls"].includes(cause.kind)) return "bad";
  if (["new", "telling", "cancelled"].includes(cause.kind)) return "idle";
  return "wait";
}
