// Shows how an expression was decided: each branch with the values it saw, the one that fired lit.

import { Badge, Group, Stack, Text } from "@mantine/core";
import { Foreign } from "../foreign/Foreign";
import "./decision.css";
import type { Branch, Explained } from "./types";

/** The branches of one expression in the order in which they were asked. */
export function Decision({ explained, title }: { explained: Explained; title?: string }) {
  return (
    <section className="decision" aria-label={title ?? explained.property}>
      {title !== undefined && (
        <Group gap="xs" mb={6}>
          <Text fw={600} size="sm">
            {title}
          </Text>
          {explained.name && (
            <Badge variant="light" tt="none">
              <Foreign text={explained.name} max={80} />
            </Badge>
          )}
        </Group>
      )}
      <ol className="decision-branches">
        {explained.branches.map((branch, index) => (
          <BranchLine key={branch.index ?? `else-${index}`} branch={branch} />
        ))}
      </ol>
      {explained.result && (
        <Text size="sm" c="dimmed" mt={4}>
          <Foreign text={explained.result} />
        </Text>
      )}
    </section>
  );
}

function BranchLine({ branch }: { branch: Branch }) {
  const otherwise = branch.index === null;
  return (
    <li
      className="decision-branch"
      data-fired={branch.fired || undefined}
      aria-current={branch.fired ? "true" : undefined}
    >
      <div className="decision-line">
        <span className="decision-sign" aria-hidden="true">
          {branch.fired ? "●" : "○"}
        </span>
        <code className="decision-code">
          <span className="decision-word">{otherwise ? "else" : "if"}</span>{" "}
          {!otherwise && (
            <>
              <Foreign text={branch.condition} /> <span className="decision-word">then</span>{" "}
            </>
          )}
          <Foreign text={branch.then} />
        </code>
        <Text span size="xs" className="decision-value">
          {otherwise ? (branch.fired ? "fired" : "not reached") : said(branch)}
        </Text>
      </div>
      {branch.variables.length > 0 && (
        <Stack gap={0} className="decision-values">
          {branch.variables.map(([name, value], index) => (
            <code key={`${index}`}>
              <Foreign text={name} max={400} /> = <Foreign text={value} max={400} />
            </code>
          ))}
        </Stack>
      )}
    </li>
  );
}

function said(branch: Branch): string {
  if (branch.fired) return "true: fired";
  if (branch.value === "0" || branch.value === "''") return "false";
  return branch.value === "" ? "not asked" : branch.value;
}
