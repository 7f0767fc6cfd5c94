// What would become of one recipient: accepted or not, schedule, route, hosts in order, the security they must have.

import { Alert, Anchor, Badge, Group, Table, Text } from "@mantine/core";
import { Link } from "react-router";
import { Decision } from "@/decision/Decision";
import { Address, Foreign } from "@/foreign/Foreign";
import { When } from "@/mail/When";
import type { HostReport, Report } from "./types";

export default function Answer({ report }: { report: Report }) {
  const renamed = report.forwardPath !== "" && report.forwardPath !== report.to;
  return (
    <section className="answer" aria-label={`Explanation for ${report.to}`}>
      <Group gap="xs" className="answer-head">
        <h2>
          <Address text={report.to} />
        </h2>
        <Badge color={report.accepted ? "green" : "red"} variant="light">
          {report.accepted ? "accepted" : "refused"}
        </Badge>
        {renamed && (
          <Text size="sm">
            is <Address text={report.forwardPath} /> after aliases
          </Text>
        )}
      </Group>
      {report.refusal && (
        <Alert color="red" title="The client would be told" my="xs">
          <code>
            <Foreign text={report.refusal} />
          </code>
        </Alert>
      )}
      {report.accepted && report.route && (
        <>
          <Text size="sm" my={6}>
            Takes the route{" "}
            <Anchor
              component={Link}
              to={`/settings/routes?name=${encodeURIComponent(report.route.name ?? "")}`}
              size="sm"
              fw={600}
            >
              <Foreign text={report.route.name ?? "none"} max={80} quiet />
            </Anchor>
            : <Foreign text={report.route.result ?? ""} />
          </Text>
          <div className="answer-parts">
            <div>
              <Decision explained={report.route} title="Route" />
              <Anchor component={Link} to="/settings/strategy" size="xs">
                The rules
              </Anchor>
            </div>
            {report.schedule && (
              <div>
                <Decision explained={report.schedule} title="Schedule" />
                {report.scheduleSays && <Text size="sm">{report.scheduleSays}</Text>}
                <RetryTimes times={report.retryTimes ?? []} />
              </div>
            )}
          </div>
        </>
      )}
      {report.trouble && (
        <Alert color="yellow" title="It would not be delivered now" my="xs">
          <Foreign text={report.trouble} />
        </Alert>
      )}
      {report.accepted && report.hosts.length > 0 && <Hosts hosts={report.hosts} nextHop={report.nextHop} />}
      {report.wouldWrite.length > 0 && (
        <Text size="sm" c="dimmed" mt={6}>
          Real mail would also write to lookup stores: <Foreign text={report.wouldWrite.join("; ")} />
        </Text>
      )}
    </section>
  );
}

/** Retry times that are shown; the others are said by their number and the last one. */
const TIMES_SHOWN = 5;

function RetryTimes({ times }: { times: string[] }) {
  const last = times.at(-1);
  if (last === undefined) return null;
  const left = times.length - TIMES_SHOWN;
  return (
    <Text size="sm" c="dimmed" component="div">
      Accepted now, it would be tried
      <ol className="retry-times">
        {times.slice(0, TIMES_SHOWN).map((at) => (
          <li key={at}>
            <When at={at} both />
          </li>
        ))}
        {left > 0 && (
          <li>
            {left > 1 && `and ${left} times until `}
            <When at={last} both />
          </li>
        )}
      </ol>
    </Text>
  );
}

function Hosts({ hosts, nextHop }: { hosts: HostReport[]; nextHop: string | null }) {
  return (
    <>
      <h3 className="answer-hosts">{nextHop ? `Hosts in order: ${nextHop}` : "Hosts in order"}</h3>
      <Table.ScrollContainer minWidth={560} tabIndex={0} aria-label="Hosts in order">
        <Table fz="sm">
          <Table.Thead>
            <Table.Tr>
              <Table.Th>Host</Table.Th>
              <Table.Th>Addresses</Table.Th>
              <Table.Th>Security</Table.Th>
              <Table.Th>Because</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {hosts.map((host, index) => (
              <Table.Tr key={`${host.name}-${host.port}-${index}`}>
                <Table.Td>
                  <Foreign text={`${host.name}:${host.port}`} max={120} />
                  <div className="dim small">
                    <Foreign text={`${host.origin}, ${host.protocol.toUpperCase()}`} />
                    {host.username && (
                      <>
                        {", as "}
                        <Foreign text={host.username} max={80} />
                      </>
                    )}
                  </div>
                </Table.Td>
                <Table.Td className="mono">
                  {host.addresses.map((address) => (
                    <div key={address}>{address}</div>
                  ))}
                  {host.source && <div className="dim small">{`from ${host.source}`}</div>}
                  {host.trouble && (
                    <Text size="sm" c="red">
                      <Foreign text={host.trouble} />
                    </Text>
                  )}
                </Table.Td>
                <Table.Td>{host.tls}</Table.Td>
                <Table.Td>
                  <Foreign text={host.tlsBecause} />
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
      {hosts[0]?.tlsStrategy && (
        <div className="answer-parts">
          <Decision explained={hosts[0].tlsStrategy} title={`TLS strategy of ${hosts[0].name}`} />
          {hosts[0].connectionStrategy && (
            <Decision
              explained={hosts[0].connectionStrategy}
              title={`Connection strategy of ${hosts[0].name}`}
            />
          )}
        </div>
      )}
    </>
  );
}
