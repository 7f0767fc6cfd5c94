// Which keys are there? The dialog of `?`.
import { Kbd, Modal, SimpleGrid, Table, Text } from "@mantine/core";
import { PAGES } from "./menu";

const KEYS: [string, string][] = [
  ["/", "search on this page"],
  ["Ctrl K", "go to a page or an object"],
  ["?", "this help"],
  ["Esc", "close"],
  ["Ctrl S", "save, in a form"],
  ["Alt ↑ ↓", "move a branch, in a list"],
];

/** All keys, and the language of filters in a sentence. */
export function Help({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  const jumps: [string, string][] = PAGES.flatMap((page) =>
    page.key ? [[`g ${page.key}`, page.label] as [string, string]] : [],
  );
  return (
    <Modal opened={opened} onClose={onClose} title="Keys" size="lg">
      <SimpleGrid cols={{ base: 1, sm: 2 }}>
        <Keys rows={KEYS} />
        <Keys rows={jumps} />
      </SimpleGrid>
      <Text size="sm" c="dimmed" mt="md">
        Everything on these pages can be done by command line and API too: waypost --help.
      </Text>
    </Modal>
  );
}

function Keys({ rows }: { rows: [string, string][] }) {
  return (
    <Table verticalSpacing={3} withRowBorders={false} highlightOnHover={false}>
      <Table.Tbody>
        {rows.map(([keys, meaning]) => (
          <Table.Tr key={keys}>
            <Table.Td w={90}>
              {keys.split(" ").map((key) => (
                <Kbd key={key} size="xs" mr={3}>
                  {key}
                </Kbd>
              ))}
            </Table.Td>
            <Table.Td>{meaning}</Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}
