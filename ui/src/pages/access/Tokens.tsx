// Programs prove who they are by a token; its secret is shown once.
import { Button, Group, Modal, Select, Table, TagsInput, Text, TextInput } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { type Item, useObjects } from "@/api/hooks";
import { Copy } from "@/editor/Copy";
import { When } from "@/mail/When";
import { done } from "@/shell/report";
import { Trouble } from "@/shell/Trouble";
import { ROLE_CHOICE, ROLES } from "./roles";
import { useSet } from "./useSet";

interface Token extends Item {
  description: string;
  role: string;
  methods: string[] | null;
  expiresAt: string | null;
  createdBy?: string;
  usedAt?: string | null;
}

const DAY_MS = 86_400_000;
const TERMS: [string, string][] = [
  ["30", "30 days"],
  ["90", "90 days"],
  ["365", "1 year"],
  ["0", "never"],
];

export function Tokens() {
  const all = useObjects<Token>("ApiToken");
  const [making, setMaking] = useState(false);
  const { send } = useSet("ApiToken");
  const revoke = async (token: Token) => {
    if (await send({ destroy: [token.id] }))
      done(`The token “${token.description}” no longer opens anything.`);
  };
  return (
    <>
      <div className="tools-right">
        <Button onClick={() => setMaking(true)}>New token</Button>
      </div>
      {all.error && <Trouble error={all.error} retry={() => void all.refetch()} />}
      {all.data && all.data.list.length === 0 && (
        <Text size="sm" c="dimmed">
          None yet. A program shows its token as <code>Authorization: Bearer wpt_…</code>; the command line
          takes it from <code>WAYPOST_TOKEN</code>.
        </Text>
      )}
      {(all.data?.list.length ?? 0) > 0 && (
        <div className="tablebox">
          <Table aria-label="API tokens">
            <Table.Thead>
              <Table.Tr>
                <Table.Th>Description</Table.Th>
                <Table.Th>Role</Table.Th>
                <Table.Th>Methods</Table.Th>
                <Table.Th>Ends</Table.Th>
                <Table.Th className="wide">Last used</Table.Th>
                <Table.Th />
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {all.data?.list.map((token) => (
                <Table.Tr key={token.id}>
                  <Table.Td>{token.description}</Table.Td>
                  <Table.Td>{token.role}</Table.Td>
                  <Table.Td className="mono">
                    {token.methods ? token.methods.join(", ") : "all of its role"}
                  </Table.Td>
                  <Table.Td>
                    <When at={token.expiresAt} />
                  </Table.Td>
                  <Table.Td className="wide">
                    <When at={token.usedAt} />
                  </Table.Td>
                  <Table.Td className="number">
                    <Button variant="default" size="compact-xs" onClick={() => void revoke(token)}>
                      Revoke
                    </Button>
                  </Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </div>
      )}
      {making && <Make onClose={() => setMaking(false)} />}
    </>
  );
}

function Make({ onClose }: { onClose: () => void }) {
  const [description, setDescription] = useState("");
  const [role, setRole] = useState("viewer");
  const [methods, setMethods] = useState<string[]>([]);
  const [days, setDays] = useState("90");
  const [secret, setSecret] = useState<string | null>(null);
  const { send, busy, refused } = useSet("ApiToken");
  const make = async (event: FormEvent) => {
    event.preventDefault();
    const expiresAt =
      days === "0" ? null : new Date(Date.now() + Number(days) * DAY_MS).toISOString().replace(/\.\d+/, "");
    const answer = await send({
      create: { new: { description, role, methods: methods.length > 0 ? methods : null, expiresAt } },
    });
    if (answer) setSecret(String(answer.created?.new?.secret ?? ""));
  };
  if (secret !== null) {
    return (
      <Modal opened onClose={onClose} title="The new token" size="md" closeOnClickOutside={false}>
        <div className="once">
          <Text className="mono" size="sm" mb="xs">
            {secret}
          </Text>
          <Copy text={secret} />
        </div>
        <Text size="sm">
          It is shown this once and kept nowhere but with you. Lost, it must be revoked and made anew.
        </Text>
        <Group justify="flex-end" mt="md">
          <Button onClick={onClose}>I have it</Button>
        </Group>
      </Modal>
    );
  }
  return (
    <Modal opened onClose={onClose} title="New token" size="md">
      <form onSubmit={(event) => void make(event)}>
        {refused.general && (
          <Text size="sm" c="red" role="alert">
            {refused.general}
          </Text>
        )}
        <TextInput
          label="Description"
          placeholder="the backup script on host7"
          required
          withAsterisk={false}
          value={description}
          onChange={(event) => setDescription(event.currentTarget.value)}
          error={refused.fields.description}
          data-autofocus
        />
        <Select
          mt="xs"
          label="Role"
          data={ROLE_CHOICE}
          value={role}
          onChange={(next) => next && setRole(next)}
          allowDeselect={false}
          description={ROLES.find((one) => one.role === role)?.may}
          inputWrapperOrder={["label", "input", "description", "error"]}
          error={refused.fields.role}
        />
        <TagsInput
          mt="xs"
          label="Only these methods"
          description="Leave it empty for all that its role may call."
          placeholder={methods.length > 0 ? undefined : "x:QueuedMessage/query"}
          value={methods}
          onChange={setMethods}
          splitChars={[",", " "]}
          error={refused.fields.methods}
          classNames={{ input: "mono", pill: "mono" }}
        />
        <Select
          mt="xs"
          label="Ends after"
          data={TERMS.map(([value, label]) => ({ value, label }))}
          value={days}
          onChange={(next) => next && setDays(next)}
          allowDeselect={false}
          error={refused.fields.expiresAt}
        />
        <Group mt="md" justify="flex-end">
          <Button type="submit" loading={busy}>
            Make the token
          </Button>
        </Group>
      </form>
    </Modal>
  );
}
