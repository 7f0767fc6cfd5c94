// The DNS record of a key, to be copied, and whether DNS has it.
import { Button, Group, Text } from "@mantine/core";
import { type Item, useMethod } from "@/api/hooks";
import { Copy } from "@/editor/Copy";
import { Trouble } from "@/shell/Trouble";

export interface DnsRecord {
  name: string;
  type: string;
  value: string;
}

export interface Key extends Item {
  algorithm: string;
  record: DnsRecord;
  published: boolean | null;
  trouble: string | null;
}

/** The keys in force, compared with DNS. */
export function useKeys() {
  return useMethod<{ list: Key[] }>("x:DkimKey/get", { check: true }, { staleMs: 60_000 });
}

export function Record({ name }: { name: string }) {
  const keys = useKeys();
  const key = keys.data?.list.find((one) => one.id === name);
  return (
    <section className="panel" aria-label="DNS record">
      <h2>DNS record</h2>
      {keys.error && <Trouble error={keys.error} retry={() => void keys.refetch()} />}
      {keys.data && !key && (
        <Text size="sm" c="dimmed">
          This signature is not enabled, so its key is not read.
        </Text>
      )}
      {key && (
        <>
          <Text size="sm" mb="xs">
            <span className="status" data-state={key.published ? "good" : "bad"}>
              {key.published ? "DNS has it" : `Not in DNS: ${key.trouble ?? "unknown"}`}
            </span>
          </Text>
          <Text size="xs" c="dimmed">
            Publish this TXT record; the private half stays here.
          </Text>
          <RecordText record={key.record} />
          <Button
            variant="default"
            size="compact-xs"
            mt="xs"
            loading={keys.isFetching}
            onClick={() => void keys.refetch()}
          >
            Look again
          </Button>
        </>
      )}
    </section>
  );
}

export function RecordText({ record }: { record: DnsRecord }) {
  return (
    <div className="record">
      <dl>
        <dt>
          Name <Copy text={record.name} />
        </dt>
        <dd className="mono">{record.name}</dd>
        <dt>
          {record.type} value <Copy text={record.value} />
        </dt>
        <dd className="mono">{record.value}</dd>
      </dl>
      <Group>
        <Copy
          text={`${record.name}. 3600 IN TXT ${strings(record.value)}`}
          label="Copy as a line of a zone file"
        />
      </Group>
    </div>
  );
}

/** Bytes of one string in a TXT record at most (RFC 1035 section 3.3.14). */
const STRING_MAX = 255;

/** A value as the strings of a zone file. */
export function strings(value: string): string {
  const parts = value.match(new RegExp(`.{1,${STRING_MAX}}`, "g")) ?? [""];
  return parts.length === 1 ? `"${parts[0]}"` : `( ${parts.map((part) => `"${part}"`).join(" ")} )`;
}
