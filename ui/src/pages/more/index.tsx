// Settings › More: what has no page of its own, and all settings as one file.
import { Button, FileButton, Group, Modal, Table, Text, TextInput } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Link, Route, Routes, useParams } from "react-router";
import { asProblem } from "@/api/errors";
import { forget, type Item, useMe } from "@/api/hooks";
import { call } from "@/api/jmap";
import { reaches } from "@/api/session";
import type { SetAnswer } from "@/editor/changes";
import { findings } from "@/editor/changes";
import { Objects } from "@/editor/Objects";
import { PageHead } from "@/editor/PageHead";
import { Single } from "@/editor/Single";
import { useSchemas } from "@/editor/schemas";
import { hasPage } from "@/editor/where";
import { done, report } from "@/shell/report";
import { Trouble } from "@/shell/Trouble";

const NAMES: Record<string, string> = {
  SystemSettings: "Names of this server",
  MtaExtensions: "SMTP extensions",
  SenderAuthSettings: "Authenticity of senders",
  StoreLookup: "Lookup stores",
  Directory: "Directories",
  HistorySettings: "History",
  WebHook: "Webhooks",
  MailingList: "Mailing lists",
};

const title = (type: string) => NAMES[type] ?? type;

export default function More() {
  return (
    <Routes>
      <Route index element={<Overview />} />
      <Route path=":type/*" element={<OneType />} />
    </Routes>
  );
}

function Overview() {
  const { all, error, refetch } = useSchemas();
  return (
    <>
      <PageHead title="More" intro="Settings that are seldom changed, and all settings as one file." />
      {error && <Trouble error={error} retry={() => void refetch()} />}
      <div className="tablebox">
        <Table aria-label="Kinds of settings">
          <Table.Tbody>
            {all
              .filter(({ object }) => !hasPage(object))
              .map(({ object, help }) => (
                <Table.Tr key={object}>
                  <Table.Td w={220}>
                    <Link className="rowlink" to={`/settings/more/${object}`}>
                      {title(object)}
                    </Link>
                  </Table.Td>
                  <Table.Td>{help}</Table.Td>
                  <Table.Td className="wide mono dim">{object}</Table.Td>
                </Table.Tr>
              ))}
          </Table.Tbody>
        </Table>
      </div>
      <Whole />
    </>
  );
}

function OneType() {
  const { type = "" } = useParams();
  const { all } = useSchemas();
  const schema = all.find(({ object }) => object === type);
  if (!schema) return null;
  const up = { to: "/settings/more", label: "More" };
  if (schema.singleton) return <Single type={type} title={title(type)} up={up} least="admin" />;
  const label = schema.label ?? "id";
  return (
    <Objects
      type={type}
      path={`/settings/more/${type}`}
      title={title(type)}
      noun={title(type).replace(/s$/, "").toLowerCase()}
      intro={schema.help}
      nameOf={(item) => String(item[label] ?? item.url ?? item.id)}
      columns={[
        { title: "Name", cell: (item: Item) => String(item[label] ?? item.url ?? item.id) },
        ...(schema.variants.length > 1
          ? [{ title: "Kind", cell: (item: Item) => String(item["@type"]) }]
          : []),
        {
          title: "Description",
          cell: (item: Item) => (label === "description" ? "" : String(item.description ?? "")),
        },
      ]}
    />
  );
}

/** Export and import of everything. */
function Whole() {
  const me = useMe();
  const client = useQueryClient();
  const [file, setFile] = useState<{ name: string; document: unknown } | null>(null);
  const [preview, setPreview] = useState<SetAnswer | null>(null);
  const [wrong, setWrong] = useState<string[]>([]);
  const [comment, setComment] = useState("");
  const save = async () => {
    try {
      const { document } = await call<{ document: unknown }>("x:Settings/export");
      const url = URL.createObjectURL(
        new Blob([`${JSON.stringify(document, null, 2)}\n`], { type: "application/json" }),
      );
      const link = window.document.createElement("a");
      link.href = url;
      link.download = "settings.json";
      link.click();
      URL.revokeObjectURL(url);
    } catch (error) {
      report(error, "Exporting");
    }
  };
  const choose = async (chosen: File | null) => {
    if (!chosen) return;
    setWrong([]);
    setPreview(null);
    try {
      const document: unknown = JSON.parse(await chosen.text());
      setFile({ name: chosen.name, document });
      setPreview(await call<SetAnswer>("x:Settings/import", { document, dryRun: true }));
    } catch (error) {
      if (error instanceof SyntaxError) {
        setFile({ name: chosen.name, document: null });
        setWrong([`This is no JSON: ${error.message}`]);
      } else
        setWrong(findings(asProblem(error), "", "").map(({ message, hint }) => `${message} ${hint ?? ""}`));
    }
  };
  const take = async () => {
    try {
      const answer = await call<SetAnswer>("x:Settings/import", { document: file?.document, comment });
      done(`In force${answer.revision ? ` as revision ${answer.revision}` : ""}.`, "Imported");
      setFile(null);
      void forget(client);
    } catch (error) {
      report(error, "Importing");
    }
  };
  return (
    <section className="panel" style={{ marginTop: 16 }}>
      <h2>All settings as one file</h2>
      <Text size="sm" c="dimmed" mb="xs">
        The JSON form of the settings file. Secrets are masked; a mask that is imported keeps the secret that
        is set.
      </Text>
      <Group gap="xs">
        <Button variant="default" onClick={() => void save()}>
          Export
        </Button>
        {reaches(me.data?.role, "admin") && (
          <FileButton onChange={(chosen) => void choose(chosen)} accept="application/json,.json">
            {(props) => (
              <Button variant="default" {...props}>
                Import…
              </Button>
            )}
          </FileButton>
        )}
      </Group>
      <Modal
        opened={file !== null}
        onClose={() => setFile(null)}
        title={`Import ${file?.name ?? ""}`}
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
                ? "This replaces all settings. What becomes different:"
                : "Nothing becomes different."}
            </Text>
            <ul className="sentences">
              {preview.differences?.map(({ sentence }) => (
                <li key={sentence}>{sentence}</li>
              ))}
            </ul>
            <TextInput
              label="Why?"
              value={comment}
              onChange={(event) => setComment(event.currentTarget.value)}
            />
          </>
        )}
        <Group justify="flex-end" mt="md">
          <Button variant="default" onClick={() => setFile(null)}>
            Cancel
          </Button>
          <Button onClick={() => void take()} disabled={!preview?.differences?.length}>
            Import
          </Button>
        </Group>
      </Modal>
    </section>
  );
}
