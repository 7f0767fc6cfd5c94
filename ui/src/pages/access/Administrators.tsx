// Who may log in here.
import { Anchor, Button, Group, Modal, PasswordInput, Select, Table, Text, TextInput } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { type Item, useMe, useObjects } from "@/api/hooks";
import { call } from "@/api/jmap";
import { Copy } from "@/editor/Copy";
import { When } from "@/mail/When";
import { done, report } from "@/shell/report";
import { Trouble } from "@/shell/Trouble";
import { ROLE_CHOICE, ROLES } from "./roles";
import { useSet } from "./useSet";

interface Administrator extends Item {
  name: string;
  role: string;
  description: string | null;
  password: string | null;
  loginAt: string | null;
  sessions?: number;
}

export function Administrators() {
  const all = useObjects<Administrator>("Administrator");
  const [edited, setEdited] = useState<Administrator | "new" | null>(null);
  return (
    <>
      <div className="tools-right">
        <Button onClick={() => setEdited("new")}>New administrator</Button>
      </div>
      {all.error && <Trouble error={all.error} retry={() => void all.refetch()} />}
      <div className="tablebox">
        <Table aria-label="Administrators">
          <Table.Thead>
            <Table.Tr>
              <Table.Th>Name</Table.Th>
              <Table.Th>Role</Table.Th>
              <Table.Th>Password</Table.Th>
              <Table.Th>Last login</Table.Th>
              <Table.Th className="wide">Description</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {(all.data?.list ?? []).map((one) => (
              <Table.Tr key={one.id}>
                <Table.Td>
                  <Anchor component="button" size="sm" fw={500} c="inherit" onClick={() => setEdited(one)}>
                    {one.name}
                  </Anchor>
                </Table.Td>
                <Table.Td>{one.role}</Table.Td>
                <Table.Td>{one.password ? "set" : <span className="dim">none yet</span>}</Table.Td>
                <Table.Td>
                  <When at={one.loginAt} />
                </Table.Td>
                <Table.Td className="wide">{one.description}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </div>
      {edited !== null && (
        <Edit administrator={edited === "new" ? null : edited} onClose={() => setEdited(null)} />
      )}
    </>
  );
}

function Edit({ administrator, onClose }: { administrator: Administrator | null; onClose: () => void }) {
  const me = useMe();
  const [name, setName] = useState(administrator?.name ?? "");
  const [role, setRole] = useState(administrator?.role ?? "operator");
  const [description, setDescription] = useState(administrator?.description ?? "");
  const [password, setPassword] = useState("");
  const [link, setLink] = useState<{ url: string; expiresAt: string } | null>(null);
  const { send, busy, refused } = useSet("Administrator");
  const isMe = administrator?.name === me.data?.name;
  const save = async (event: FormEvent) => {
    event.preventDefault();
    const properties = {
      name,
      role,
      description: description || null,
      ...(password ? { password } : {}),
    };
    const answer = await send(
      administrator ? { update: { [administrator.id]: properties } } : { create: { new: properties } },
    );
    if (!answer) return;
    done(administrator ? `${name} is changed.` : `${name} may log in.`);
    onClose();
  };
  const remove = async () => {
    if (!administrator) return;
    const answer = await send({ destroy: [administrator.id] });
    if (!answer) return;
    done(`${administrator.name} may no longer log in; the sessions are over.`);
    onClose();
  };
  const makeLink = async () => {
    try {
      const answer = await call<{ path: string; expiresAt: string }>("x:Administrator/link", { name, role });
      setLink({ url: `${window.location.origin}${answer.path}`, expiresAt: answer.expiresAt });
    } catch (error) {
      report(error, "Making a link");
    }
  };
  return (
    <Modal
      opened
      onClose={onClose}
      title={administrator ? administrator.name : "New administrator"}
      size="md"
    >
      <form onSubmit={(event) => void save(event)}>
        {refused.general && (
          <Text size="sm" c="red" role="alert">
            {refused.general}
          </Text>
        )}
        <TextInput
          label="Name"
          required
          withAsterisk={false}
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
          error={refused.fields.name}
          autoComplete="off"
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
        <TextInput
          mt="xs"
          label="Description"
          value={description}
          onChange={(event) => setDescription(event.currentTarget.value)}
          error={refused.fields.description}
        />
        <PasswordInput
          mt="xs"
          label={administrator?.password ? "New password" : "Password"}
          description={
            administrator?.password
              ? "Leave it empty to keep the one that is set."
              : "Or leave it empty and send a link."
          }
          value={password}
          onChange={(event) => setPassword(event.currentTarget.value)}
          error={refused.fields.password}
          autoComplete="new-password"
        />
        {link && (
          <div className="once">
            <Text size="sm">
              Whoever opens this link sets the password of {name}, once, until{" "}
              <When at={link.expiresAt} both />.
            </Text>
            <Text className="mono" size="sm" my={4}>
              {link.url}
            </Text>
            <Copy text={link.url} label="Copy the link" />
          </div>
        )}
        <Group mt="md" justify="space-between">
          <Group gap="xs">
            {administrator && (
              <Button
                variant="default"
                color="red"
                onClick={() => void remove()}
                disabled={isMe}
                title={isMe ? "Another administrator can do that" : undefined}
              >
                Remove
              </Button>
            )}
            <Button variant="default" onClick={() => void makeLink()} disabled={name === ""}>
              Make a link that sets a password
            </Button>
          </Group>
          <Button type="submit" loading={busy}>
            {administrator ? "Save" : "Create"}
          </Button>
        </Group>
      </form>
    </Modal>
  );
}
