// How does a component ask the server?
import {
  keepPreviousData,
  QueryClient,
  type UseQueryResult,
  useMutation,
  useQuery,
  useQueryClient,
} from "@tanstack/react-query";
import type { Problem } from "./errors";
import { type Arguments, call, request } from "./jmap";
import { type Me, session } from "./session";

/** One cache for all pages. What has no answer because nobody is logged in is not asked again. */
export function newClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 5_000,
        refetchOnWindowFocus: true,
        retry: (count, problem) => (problem as Problem).kind === "offline" && count < 2,
      },
    },
  });
}

export interface MethodOptions<T = unknown> {
  /** Milliseconds between two questions while the page is seen. */
  refreshMs?: number;
  enabled?: boolean;
  /** Shows the previous answer while another question is under way, such as the next page of a list. */
  keep?: boolean;
  staleMs?: number;
  select?: (answer: T) => T;
}

/** Asks `method` and asks again when its object changes. The key is `[method, args]`. */
export function useMethod<T = unknown>(
  method: string,
  args: Arguments = {},
  options: MethodOptions<T> = {},
): UseQueryResult<T, Problem> {
  return useQuery<T, Problem>({
    queryKey: [method, args],
    queryFn: () => call<T>(method, args),
    enabled: options.enabled ?? true,
    refetchInterval: options.refreshMs ?? false,
    ...(options.staleMs === undefined ? {} : { staleTime: options.staleMs }),
    ...(options.keep ? { placeholderData: keepPreviousData } : {}),
    ...(options.select ? { select: options.select } : {}),
  });
}

/** A settings object, or any other that the API has, by its properties. */
export interface Item {
  id: string;
  [property: string]: unknown;
}

export interface GetAnswer<T extends Item = Item> {
  state?: string;
  list: T[];
  notFound?: string[];
}

/** All objects of a type, such as `MtaRoute`. */
export function useObjects<T extends Item = Item>(type: string, options: MethodOptions<GetAnswer<T>> = {}) {
  return useMethod<GetAnswer<T>>(`x:${type}/get`, { ids: null }, options);
}

/** The one object of a singleton type. */
export function useSingleton<T extends Item = Item>(type: string) {
  return useMethod<GetAnswer<T>>(`x:${type}/get`, { ids: ["singleton"] });
}

/** A call that changes something. Afterwards everything about `touches` is asked again (everything, unless said). */
export function useCall<T = unknown>(method: string, touches?: string[]) {
  const client = useQueryClient();
  return useMutation<T, Problem, Arguments>({
    mutationFn: (args) => call<T>(method, args),
    onSettled: () => forget(client, touches),
  });
}

/** Asks everything about the named objects again, or everything. */
export function forget(client: QueryClient, objects?: string[]) {
  return client.invalidateQueries({
    predicate: ({ queryKey }) => {
      const method = String(queryKey[0]);
      if (method === "me" || method === "schema") return false;
      return objects === undefined || objects.some((object) => method.startsWith(`x:${object}/`));
    },
  });
}

/** Who is logged in; `null` if nobody. */
export function useMe(): UseQueryResult<Me | null, Problem> {
  return useQuery<Me | null, Problem>({
    queryKey: ["me"],
    queryFn: () =>
      session.me().catch((problem: Problem) => {
        if (problem.kind === "login") return null;
        throw problem;
      }),
    staleTime: 60_000,
    retry: (count, problem) => problem.kind === "offline" && count < 2,
  });
}

/** A document at a path of the server, such as `/api/schema`, which does not change while it runs. */
export function useDocument<T>(key: string, path: string) {
  return useQuery<T, Problem>({
    queryKey: [key],
    queryFn: () => request("GET", path) as Promise<T>,
    staleTime: Number.POSITIVE_INFINITY,
  });
}
