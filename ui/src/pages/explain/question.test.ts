import { describe, expect, it } from "vitest";
import { argumentsOf, commandOf, questionOf, quoted, searchOf } from "./question";

describe("a question to Explain", () => {
  const question = {
    from: "ann@here.test",
    to: ["bob@x.test", "o'neil@y.test"],
    authenticatedAs: "ann",
    clientIp: undefined,
    listener: undefined,
    size: 2_000,
    headers: ["X-Priority: 1"],
    retryNum: 0,
    lastError: undefined,
    revision: 41,
  };

  it("survives the way through a URL", () => {
    expect(questionOf(new URLSearchParams(searchOf(question).toString()))).toEqual(question);
  });

  it("is put to the server without what was not said", () => {
    expect(argumentsOf(question)).toEqual({
      from: "ann@here.test",
      to: ["bob@x.test", "o'neil@y.test"],
      authenticatedAs: "ann",
      size: 2_000,
      header: ["X-Priority: 1"],
      retryNum: 0,
      revision: 41,
    });
  });

  it("is a command that a shell reads as it is meant", () => {
    expect(commandOf(question)).toBe(
      "waypost route explain --from ann@here.test --to bob@x.test --to 'o'\\''neil@y.test' --auth ann --size 2000 --header 'X-Priority: 1' --retry-num 0",
    );
    expect(quoted("$(reboot)")).toBe("'$(reboot)'");
  });
});
