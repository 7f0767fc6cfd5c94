// Makes a key and fills the form with it.
import { Button, Group, Select, Text } from "@mantine/core";
import { useState } from "react";
import { useObjects } from "@/api/hooks";
import { call } from "@/api/jmap";
import type { EditorContext } from "@/editor/ObjectEditor";
import { report } from "@/shell/report";
import { type DnsRecord, RecordText } from "./Record";

interface Made {
  name: string;
  domain: string;
  selector: string;
  key: string;
  record: DnsRecord;
}

export function NewKey({ context }: { context: EditorContext }) {
  const { editor, draft, readOnly } = context;
  const domains = useObjects("Domain", { staleMs: 30_000 });
  const [domain, setDomain] = useState<string | null>(null);
  const [algorithm, setAlgorithm] = useState("rsa");
  const [made, setMade] = useState<Made | null>(null);
  const [busy, setBusy] = useState(false);
  if (readOnly) return null;
  const make = async () => {
    setBusy(true);
    try {
      const answer = await call<Made>("x:DkimKey/make", { domain, algorithm });
      setMade(answer);
      editor.setDraft({
        ...draft,
        name: answer.name,
        domain: answer.domain,
        selector: answer.selector,
        key: { "@type": "Value", secret: answer.key },
      });
    } catch (error) {
      report(error, "Making a key");
    } finally {
      setBusy(false);
    }
  };
  return (
    <section className="panel" aria-label="New key">
      <h2>Make a key</h2>
      <Text size="xs" c="dimmed" mb="xs">
        Or fill in below what you have. An RSA key is understood by everybody; an Ed25519 key is shorter and
        may be used beside it.
      </Text>
      <Group align="flex-end" gap="xs">
        <Select
          size="xs"
          label="Domain"
          data={(domains.data?.list ?? []).map((item) => String(item.name))}
          value={domain}
          onChange={setDomain}
          searchable
          classNames={{ input: "mono" }}
        />
        <Select
          size="xs"
          label="Kind"
          data={[
            { value: "rsa", label: "RSA, 2048 bits" },
            { value: "ed25519", label: "Ed25519" },
          ]}
          value={algorithm}
          onChange={(next) => next && setAlgorithm(next)}
          allowDeselect={false}
        />
        <Button onClick={() => void make()} disabled={domain === null} loading={busy}>
          Make a key
        </Button>
      </Group>
      {made && (
        <>
          <Text size="sm" mt="sm">
            Publish this record first, then save. Until it is there, others cannot verify what is signed.
          </Text>
          <RecordText record={made.record} />
        </>
      )}
    </section>
  );
}
