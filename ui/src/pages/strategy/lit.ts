// Which branch lights up, of what the server explained?
import type { Branch, Explained } from "@/decision/types";
import type { Lit } from "@/expression/BranchList";
import type { Report } from "@/pages/explain/types";

/** The decision about one of the four expressions; null if it was not asked. */
export function explained(report: Report | null, name: string): Explained | null {
  if (!report) return null;
  switch (name) {
    case "route":
      return report.route;
    case "schedule":
      return report.schedule;
    case "connection":
      return report.hosts[0]?.connectionStrategy ?? null;
    default:
      return report.hosts[0]?.tlsStrategy ?? null;
  }
}

/** What the list of branches shows of it. */
export function litOf(report: Report | null, name: string): Lit | null {
  const decision = explained(report, name);
  if (!decision) return null;
  const outcomes: Lit["outcomes"] = [];
  let fired: number | null = null;
  for (const branch of decision.branches) {
    if (branch.index === null) continue;
    outcomes[branch.index] = { value: branch.fired ? true : truth(branch), text: values(branch) };
    if (branch.fired) fired = branch.index;
  }
  return { fired, outcomes };
}

function truth(branch: Branch): boolean | null {
  if (branch.value === "") return null;
  return branch.value !== "0" && branch.value !== "''" && branch.value !== "false";
}

function values(branch: Branch): string {
  return branch.variables.map(([name, value]) => `${name} = ${value}`).join(", ");
}
