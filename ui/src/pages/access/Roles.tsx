// What each role may do.
import { Table, Text } from "@mantine/core";
import { useMe } from "@/api/hooks";
import { ROLES } from "./roles";

export function Roles() {
  const me = useMe();
  return (
    <>
      <div className="tablebox">
        <Table aria-label="Roles">
          <Table.Tbody>
            {ROLES.map(({ role, may }) => (
              <Table.Tr key={role}>
                <Table.Td w={140}>
                  <strong>{role}</strong>
                  {role === me.data?.role && <span className="dim"> · you</span>}
                </Table.Td>
                <Table.Td>{may}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </div>
      <Text size="sm" c="dimmed" mt="sm">
        Each role may do what those above it may. On the server itself, the owner of the data directory needs
        no password: the command line asks over a local socket, as admin.
      </Text>
    </>
  );
}
