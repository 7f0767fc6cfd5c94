// Management › Audit: who did what, in order, also what was refused.
import { Button, Group, Select, Table, Text, TextInput } from "@mantine/core";
import { useState } from "react";
import { useSearchParams } from "react-router";
import { type Item, useMethod } from "@/api/hooks";
import { PageHead } from "@/editor/PageHead";
import { Foreign } from "@/foreign/Foreign";
import { When } from "@/mail/When";
import { Trouble } from "@/shell/Trouble";
import { filterOf } from "./filter";

interface Entry extends Item {
  at: string;
  who: string;
  from: string | null;
  method: string;
  objects: string[] | null;
  outcome: string;
  summary: string | null;
}

/** Entries on one page. */
const STEP = 100;

export default function Audit() {
  const [params, setParams] = useSearchParams();
  const [limit, setLimit] = useState(STEP);
  const filter = filterOf(params);
  const ids = useMethod<{ ids: string[]; total?: number }>(
    "x:AuditEntry/query",
    { filter, limit: limit + 1 },
    { keep: true, refreshMs: 15_000 },
  );
  const shown = ids.data?.ids.slice(0, limit) ?? [];
  const entries = useMethod<{ list: Entry[] }>(
    "x:AuditEntry/get",
    { ids: shown },
    { enabled: shown.length > 0, keep: true, staleMs: 60_000 },
  );
  const list = shown.length > 0 ? (entries.data?.list ?? []) : [];
  const set = (name: string, value: string | null) => {
    const next = new URLSearchParams(params);
    if (value) next.set(name, value);
    else next.delete(name);
    setLimit(STEP);
    setParams(next, { replace: true });
  };
  return (
    <>
      <PageHead title="Audit" intro="Who changed what, or tried to. Nothing can be taken out of this list." />
      <Group gap="xs" mb="xs">
        <TextInput
          data-search
          size="xs"
          w={260}
          placeholder="Search  /"
          aria-label="Search in all columns"
          value={params.get("text") ?? ""}
          onChange={(event) => set("text", event.currentTarget.value)}
        />
        <TextInput
          size="xs"
          w={160}
          placeholder="who"
          aria-label="Who"
          value={params.get("who") ?? ""}
          onChange={(event) => set("who", event.currentTarget.value)}
        />
        <TextInput
          size="xs"
          w={180}
          placeholder="method, such as x:MtaRoute/set"
          aria-label="Method"
          value={params.get("method") ?? ""}
          onChange={(event) => set("method", event.currentTarget.value)}
        />
        <Select
          size="xs"
          w={140}
          placeholder="any outcome"
          aria-label="Outcome"
          data={["done", "refused", "failed"]}
          value={params.get("outcome")}
          onChange={(value) => set("outcome", value)}
          clearable
        />
      </Group>
      {ids.error && <Trouble error={ids.error} retry={() => void ids.refetch()} />}
      {entries.error && <Trouble error={entries.error} retry={() => void entries.refetch()} />}
      <div className="tablebox">
        <Table aria-label="Audit log">
          <Table.Thead>
            <Table.Tr>
              <Table.Th>When</Table.Th>
              <Table.Th>Who</Table.Th>
              <Table.Th className="wide">From</Table.Th>
              <Table.Th>What</Table.Th>
              <Table.Th>Outcome</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {list.map((entry) => (
              <Table.Tr key={entry.id}>
                <Table.Td className="nowrap">
                  <When at={entry.at} />
                </Table.Td>
                <Table.Td>
                  <Foreign text={entry.who} max={80} />
                </Table.Td>
                <Table.Td className="wide mono dim">{entry.from ?? ""}</Table.Td>
                <Table.Td>
                  <span className="mono">{entry.method}</span>
                  {entry.summary && (
                    <div className="dim">
                      <Foreign text={entry.summary} max={400} />
                    </div>
                  )}
                </Table.Td>
                <Table.Td>
                  <span className="status" data-state={entry.outcome === "done" ? "good" : "bad"}>
                    <Foreign text={entry.outcome} max={120} />
                  </span>
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </div>
      {ids.data && list.length === 0 && !entries.isFetching && (
        <Text size="sm" c="dimmed" mt="xs">
          Nothing fits.
        </Text>
      )}
      {(ids.data?.ids.length ?? 0) > limit && (
        <Button variant="default" mt="xs" onClick={() => setLimit(limit + STEP)}>
          Older
        </Button>
      )}
    </>
  );
}
