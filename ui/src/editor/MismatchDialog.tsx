// Somebody else has changed the settings meanwhile: what they did, and how both fit together.
import { Button, Group, Modal, Table, Text } from "@mantine/core";
import { label, short } from "@/forms/words";
import { When } from "@/mail/When";
import type { Editor } from "./useEditor";

/** Nothing of mine is lost, and nothing of theirs is overwritten unseen. */
export function MismatchDialog({ editor, onDiscard }: { editor: Editor; onDiscard?: () => void }) {
  const { mismatch } = editor;
  if (!mismatch) return null;
  const { conflicts, revisions, theirs } = mismatch;
  return (
    <Modal opened onClose={editor.dismiss} title="The settings have changed meanwhile" size="lg">
      {revisions.map((revision) => (
        <div key={revision.number} className="revision-brief">
          <Text size="sm">
            <strong>Revision {revision.number}</strong> by {revision.author}, <When at={revision.at} />
            {revision.comment && <span className="dim"> “{revision.comment}”</span>}
          </Text>
          <ul className="sentences">
            {revision.differences.map((sentence) => (
              <li key={sentence}>{sentence}</li>
            ))}
          </ul>
        </div>
      ))}
      {theirs === null && (
        <Text size="sm" c="red">
          This object is gone. What you typed can be saved as a new one: go to the list, then “New”.
        </Text>
      )}
      {theirs !== null && conflicts.length === 0 && (
        <Text size="sm">None of it touches what you changed: your changes fit on top of theirs.</Text>
      )}
      {conflicts.length > 0 && (
        <>
          <Text size="sm" c="red" mb={4}>
            Both of you changed {conflicts.length === 1 ? "this" : "these"}:
          </Text>
          <Table>
            <Table.Thead>
              <Table.Tr>
                <Table.Th>property</Table.Th>
                <Table.Th>was</Table.Th>
                <Table.Th>theirs</Table.Th>
                <Table.Th>yours</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {conflicts.map((one) => (
                <Table.Tr key={one.property}>
                  <Table.Td>{label(one.property)}</Table.Td>
                  <Table.Td className="mono">{short(one.base)}</Table.Td>
                  <Table.Td className="mono">{short(one.theirs)}</Table.Td>
                  <Table.Td className="mono">{short(one.mine)}</Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </>
      )}
      <Group justify="flex-end" mt="md">
        <Button
          variant="default"
          onClick={() => {
            editor.dismiss();
            editor.discard();
            onDiscard?.();
          }}
        >
          Throw mine away
        </Button>
        {theirs !== null && (
          <Button onClick={editor.rebase} data-autofocus>
            {conflicts.length > 0 ? "Put mine on top, and let me look" : "Put mine on top"}
          </Button>
        )}
      </Group>
      <Text size="xs" c="dimmed" ta="right" mt={4}>
        Nothing is saved until you save again.
      </Text>
    </Modal>
  );
}
