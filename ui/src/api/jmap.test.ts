import { beforeEach, describe, expect, it, vi } from "vitest";
import type { Problem } from "./errors";
import { call, onLoggedOut } from "./jmap";

type Call = [string, Record<string, unknown>, string];

function server(answer: (calls: Call[]) => unknown, status = 200) {
  const fetched = vi.fn(async (_path: string, init: RequestInit) => {
    const { methodCalls } = JSON.parse(String(init.body)) as { methodCalls: Call[] };
    return new Response(JSON.stringify(answer(methodCalls)), { status });
  });
  vi.stubGlobal("fetch", fetched);
  return fetched;
}

const echo = (calls: Call[]) => ({ methodResponses: calls.map(([name, args, id]) => [name, { args }, id]) });

describe("a call", () => {
  beforeEach(() => vi.unstubAllGlobals());

  it("shares a request with others of the same moment", async () => {
    const fetched = server(echo);
    const answers = await Promise.all([call("x:A/get", { ids: ["a"] }), call("x:B/get"), call("x:A/get")]);
    expect(fetched).toHaveBeenCalledTimes(1);
    expect(answers[0]).toEqual({ args: { ids: ["a"] } });
    const init = fetched.mock.calls[0]?.[1] as RequestInit;
    expect((init.headers as Record<string, string>)["X-Waypost"]).toBe("ui");
    expect(init.credentials).toBe("same-origin");
  });

  it("puts no more than sixteen calls in a request", async () => {
    const fetched = server(echo);
    await Promise.all(Array.from({ length: 40 }, (_, index) => call("x:A/get", { index })));
    expect(fetched).toHaveBeenCalledTimes(3);
  });

  it("fails alone when its neighbour is answered", async () => {
    server((calls) => ({
      methodResponses: calls.map(([name, , id]) =>
        name === "x:B/get" ? ["error", { type: "forbidden", description: "no" }, id] : [name, {}, id],
      ),
    }));
    const [a, b] = await Promise.allSettled([call("x:A/get"), call("x:B/get")]);
    expect(a.status).toBe("fulfilled");
    const problem = (b as PromiseRejectedResult).reason as Problem;
    expect([problem.kind, problem.message]).toEqual(["forbidden", "no"]);
    expect(problem.advice).toContain("administrator");
  });

  it("says so when nobody is logged in", async () => {
    server(() => ({}), 401);
    const heard = vi.fn();
    const stop = onLoggedOut(heard);
    await expect(call("x:A/get")).rejects.toMatchObject({ kind: "login" });
    expect(heard).toHaveBeenCalledOnce();
    stop();
  });

  it("is a problem, not a crash, when the server is away or answers nonsense", async () => {
    vi.stubGlobal("fetch", vi.fn().mockRejectedValue(new TypeError("Failed to fetch")));
    await expect(call("x:A/get")).rejects.toMatchObject({ kind: "offline" });
    vi.stubGlobal("fetch", vi.fn().mockResolvedValue(new Response("<html>", { status: 502 })));
    await expect(call("x:A/get")).rejects.toMatchObject({ kind: "server" });
    server(() => ({ methodResponses: [] }));
    await expect(call("x:A/get")).rejects.toMatchObject({ type: "noAnswer" });
  });
});
