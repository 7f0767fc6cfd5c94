import { describe, expect, it } from "vitest";
import { methodProblem } from "@/api/errors";
import { faultsOf } from "@/forms/faults";
import { findings } from "./changes";

describe("what a save was refused for", () => {
  it("stands at its field, or says of which object it is", () => {
    const problem = methodProblem("x:MtaOutboundStrategy/set", {
      type: "invalidSettings",
      description: "the settings have errors",
      findings: [
        { severity: "warning", object: "MtaRoute a", property: "port", message: "is unusual" },
        {
          severity: "error",
          object: "MtaOutboundStrategy",
          property: "route.match.1.then",
          message: "no route",
          hint: "x?",
        },
        { severity: "error", object: "MtaRoute b", property: "address", message: "is missing" },
      ],
    } as { type: string });
    expect(findings(problem, "MtaOutboundStrategy", "")).toEqual([
      { path: ["route", "match", "1", "then"], message: "no route", hint: "x?" },
      { path: [], message: "MtaRoute b address: is missing" },
    ]);
  });

  it("is read from every form of SetError", () => {
    expect(
      faultsOf({
        type: "validationFailed",
        validationErrors: [{ type: "MaxValue", property: "port", value: 65535 }],
      }),
    ).toEqual([{ path: ["port"], message: "This is too large; at most 65535." }]);
    expect(faultsOf({ type: "primaryKeyViolation", properties: ["name"] })[0]?.path).toEqual(["name"]);
    expect(faultsOf({ type: "forbidden", description: "no" })).toEqual([{ path: [], message: "no" }]);
    expect(faultsOf({ type: "invalidPatch", properties: ["a/b"] })[0]?.path).toEqual(["a", "b"]);
  });
});
