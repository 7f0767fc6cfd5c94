// Settings › Revisions: what was changed, by whom and why, and how to go back.

import { Badge, Button, Group, Modal, Select, Table, Text, TextInput } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Link, Route, Routes, useParams, useSearchParams } from "react-router";
import { asProblem } from "@/api/errors";
import { forget, useMe, useMethod } from "@/api/hooks";
import { call } from "@/api/jmap";
import { reaches } from "@/api/session";
import { findings, type Sentence, type SetAnswer } from "@/editor/changes";
import { PageHead } from "@/editor/PageHead";
import { useRevisions } from "@/editor/trial";
import type { RevisionItem } from "@/editor/useEditor";
import { When } from "@/mail/When";
import { done, report } from "@/shell/report";
import { Trouble } from "@/shell/Trouble";
import { Foreign } from "../../foreign/Foreign";
import { revealed } from "../../foreign/reveal";

const BASE = "/settings/revisions";

/** Sentences of a revision in the list. */
const SENTENCES_MAX = 3;

export default function Revisions() {
  return (
    <Routes>
      <Route index element={<List />} />
      <Route path=":number" element={<One />} />
    </Routes>
  );
}

function List() {
  const all = useRevisions();
  const [params, setParams] = useSearchParams();
  const text = params.get("text") ?? "";
  const list = (all.data?.list ?? []).filter((one) =>
    JSON.stringify(one).toLowerCase().includes(text.toLowerCase()),
  );
  return (
    <>
      <PageHead
        title="Revisions"
        intro="Every accepted change of the settings. Any of them can be restored; that is a change too."
      />
      <TextInput
        data-search
        size="xs"
        maw={320}
        mb="xs"
        placeholder="Search  /"
        aria-label="Search revisions"
        value={text}
        onChange={(event) =>
          setParams(event.currentTarget.value ? { text: event.currentTarget.value } : {}, { replace: true })
        }
      />
      {all.error && <Trouble error={all.error} retry={() => void all.refetch()} />}
      <div className="tablebox">
        <Table aria-label="Revisions">
          <Table.Thead>
            <Table.Tr>
              <Table.Th className="number">No.</Table.Th>
              <Table.Th>When</Table.Th>
              <Table.Th>Who</Table.Th>
              <Table.Th>What and why</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {list.map((one) => (
              <Table.Tr key={one.number}>
                <Table.Td className="number">
                  <Link className="rowlink" to={`${BASE}/${one.number}`}>
                    {one.number}
                  </Link>
                </Table.Td>
                <Table.Td className="nowrap">
                  <When at={one.at} />
                </Table.Td>
                <Table.Td>
                  <Foreign text={one.author} quiet />
                </Table.Td>
                <Table.Td>
                  {one.confirmBy && (
                    <Badge color="yellow" variant="light" size="sm">
                      on trial
                    </Badge>
                  )}
                  {one.comment && (
                    <div>
                      “<Foreign text={one.comment} quiet />”
                    </div>
                  )}
                  <ul className="sentences" style={{ margin: 0 }}>
                    {one.differences.slice(0, SENTENCES_MAX).map((sentence) => (
                      <li key={sentence}>
                        <Foreign text={sentence} />
                      </li>
                    ))}
                  </ul>
                  {one.differences.length > SENTENCES_MAX && (
                    <Link to={`${BASE}/${one.number}`} className="dim">
                      and {(one.differencesTotal ?? one.differences.length) - SENTENCES_MAX} more
                    </Link>
                  )}
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </div>
    </>
  );
}

function One() {
  const number = Number(useParams().number);
  const all = useRevisions();
  const me = useMe();
  const [params, setParams] = useSearchParams();
  const other = params.get("with");
  const list = all.data?.list ?? [];
  const head = list[0]?.number ?? number;
  const one = list.find((revision) => revision.number === number);
  const from = other === null ? number - 1 : Number(other);
  const diff = useMethod<{ differences: Sentence[] }>(
    "x:Revision/diff",
    { from, to: number },
    { enabled: number > 0 && from > 0, staleMs: 60_000 },
  );
  if (!one) {
    return all.data ? (
      <PageHead title="There is no such revision" up={{ to: BASE, label: "Revisions" }} />
    ) : null;
  }
  const sentences =
    from > 0 ? (diff.data?.differences ?? []).map(({ sentence }) => sentence) : one.differences;
  return (
    <>
      <PageHead
        title={number}
        up={{ to: BASE, label: "Revisions" }}
        intro={
          <>
            By <Foreign text={one.author} />, <When at={one.at} both />
            {one.comment && (
              <>
                {" "}
                · “<Foreign text={one.comment} />”
              </>
            )}
            {one.restores && <> · restores revision {one.restores}</>}
          </>
        }
        actions={reaches(me.data?.role, "router") && number !== head && <Restore revision={one} />}
      />
      <Group gap="xs" mb="xs" align="center">
        <Text size="sm">Different from</Text>
        <Select
          size="xs"
          w={260}
          searchable
          aria-label="Compared with"
          data={list
            .filter((revision) => revision.number !== number)
            .map((revision) => ({
              value: String(revision.number),
              label: revealed(
                `${revision.number} · ${revision.author}${revision.comment ? ` · ${revision.comment}` : ""}`,
              ),
            }))}
          value={from > 0 ? String(from) : null}
          placeholder="a fresh system"
          onChange={(next) => setParams(next ? { with: next } : {}, { replace: true })}
        />
      </Group>
      {diff.error && <Trouble error={diff.error} />}
      <div className="panel">
        {sentences.length === 0 && !diff.isFetching && <Text size="sm">Nothing is different.</Text>}
        <ul className="sentences">
          {sentences.map((sentence) => (
            <li key={sentence}>
              <Foreign text={sentence} />
            </li>
          ))}
        </ul>
      </div>
    </>
  );
}

function Restore({ revision }: { revision: RevisionItem }) {
  const [asking, setAsking] = useState(false);
  const [preview, setPreview] = useState<SetAnswer | null>(null);
  const [wrong, setWrong] = useState<string[]>([]);
  const [comment, setComment] = useState("");
  const [busy, setBusy] = useState(false);
  const client = useQueryClient();
  const open = async () => {
    setAsking(true);
    setPreview(null);
    setWrong([]);
    try {
      setPreview(await call<SetAnswer>("x:Revision/restore", { number: revision.number, dryRun: true }));
    } catch (error) {
      setWrong(findings(asProblem(error), "", "").map(({ message, hint }) => `${message} ${hint ?? ""}`));
    }
  };
  const restore = async () => {
    setBusy(true);
    try {
      const answer = await call<SetAnswer>("x:Revision/restore", { number: revision.number, comment });
      done(`The settings of revision ${revision.number} are in force again, as revision ${answer.revision}.`);
      setAsking(false);
      void forget(client);
    } catch (error) {
      report(error, "Restoring");
    } finally {
      setBusy(false);
    }
  };
  return (
    <>
      <Button onClick={() => void open()}>Restore…</Button>
      <Modal
        opened={asking}
        onClose={() => setAsking(false)}
        title={`Restore revision ${revision.number}?`}
        size="lg"
      >
        {wrong.map((text) => (
          <Text key={text} size="sm" c="red" role="alert">
            {text}
          </Text>
        ))}
        {preview && (
          <>
            <Text size="sm">
              {preview.differences?.length
                ? "What becomes different from now:"
                : "Nothing becomes different."}
            </Text>
            <ul className="sentences">
              {preview.differences?.map(({ sentence }) => (
                <li key={sentence}>
                  <Foreign text={sentence} />
                </li>
              ))}
            </ul>
          </>
        )}
        <TextInput
          label="Why?"
          placeholder="For those who read the revisions later"
          value={comment}
          onChange={(event) => setComment(event.currentTarget.value)}
          data-autofocus
        />
        <Group justify="flex-end" mt="md">
          <Button variant="default" onClick={() => setAsking(false)}>
            Cancel
          </Button>
          <Button onClick={() => void restore()} loading={busy} disabled={!preview?.differences?.length}>
            Restore
          </Button>
        </Group>
      </Modal>
    </>
  );
}
