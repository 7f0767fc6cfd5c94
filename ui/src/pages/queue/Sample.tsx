// Some of what an action would be done to, so that a wrong filter is seen before it hurts.

import { Table } from "@mantine/core";
import { Address, Foreign } from "@/foreign/Foreign";

/** What the server says about one message of a sample; members may be missing. */
type Sampled = {
  id?: string;
  returnPath?: string;
  from?: string;
  to?: string | string[];
  recipients?: string[] | Record<string, unknown>;
  recipient?: string;
  route?: string | null;
  newRoute?: string | null;
  why?: string | null;
};

export function Sample({ sample, total }: { sample: unknown[]; total: number }) {
  const rows = sample.slice(0, 8).map((one) => one as Sampled);
  if (rows.length === 0) return null;
  return (
    <Table mt={6} aria-label="A sample" fz="xs" verticalSpacing={2}>
      <Table.Thead>
        <Table.Tr>
          <Table.Th>From</Table.Th>
          <Table.Th>To</Table.Th>
          <Table.Th>Route</Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {rows.map((one, index) => (
          <Table.Tr key={one.id ?? `${index}`}>
            <Table.Td>
              <Address text={one.returnPath ?? one.from ?? ""} max={60} />
            </Table.Td>
            <Table.Td>
              <Address text={recipientsOf(one)[0] ?? ""} max={60} />
              {recipientsOf(one).length > 1 && ` +${recipientsOf(one).length - 1}`}
            </Table.Td>
            <Table.Td>
              <Foreign text={one.newRoute ?? one.route ?? ""} max={60} />
            </Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
      {total > rows.length && (
        <Table.Caption>{`and ${(total - rows.length).toLocaleString("en")} more`}</Table.Caption>
      )}
    </Table>
  );
}

function recipientsOf(one: Sampled): string[] {
  if (one.recipient) return [one.recipient];
  if (typeof one.to === "string") return [one.to];
  if (Array.isArray(one.to)) return one.to;
  if (Array.isArray(one.recipients)) return one.recipients;
  return Object.keys(one.recipients ?? {});
}
