// One message: what it is, and for each recipient what was tried, what was said, and why it went that way.

import { Alert, Anchor, Button, Group, Text } from "@mantine/core";
import { useState } from "react";
import { Link, useParams } from "react-router";
import { useMe, useMethod } from "@/api/hooks";
import { reaches } from "@/api/session";
import { Address } from "@/foreign/Foreign";
import { Copy } from "@/mail/Copy";
import type { HistoryMessage, QueuedMessage } from "@/mail/types";
import ActionDialog from "@/pages/queue/ActionDialog";
import { ACTIONS } from "@/pages/queue/actions";
import type { Wanted } from "@/pages/queue/Queue";
import { Trouble } from "@/shell/Trouble";
import Facts from "./Facts";
import "./message.css";
import { Content } from "./Content";
import { merged } from "./merge";
import Recipient from "./Recipient";

const REFRESH_MS = 4_000;
/** Recipients shown at once. */
const SHOWN = 50;

export default function Message({ back }: { back: string }) {
  const { id = "" } = useParams();
  const [wanted, setWanted] = useState<Wanted | null>(null);
  const [shown, setShown] = useState(SHOWN);
  const may = reaches(useMe().data?.role, "operator");
  const queued = useMethod<{ list: QueuedMessage[] }>(
    "x:QueuedMessage/get",
    { ids: [id] },
    { refreshMs: REFRESH_MS },
  );
  const history = useMethod<{ list: HistoryMessage[] }>(
    "x:MessageHistory/get",
    { ids: [id] },
    { refreshMs: REFRESH_MS },
  );
  const now = queued.data?.list[0];
  const past = history.data?.list[0];
  if (queued.isPending || history.isPending)
    return <div className="loading" role="status" aria-label="Loading" />;
  if (!now && !past) {
    if (queued.error ?? history.error) return <Trouble error={queued.error ?? history.error} />;
    return (
      <Alert color="gray" title="There is no such message">
        It is not queued, and not in the history either: it may be older than the history reaches.{" "}
        <Anchor component={Link} to={back} size="sm">
          Back
        </Anchor>
      </Alert>
    );
  }
  const recipients = merged(now, past);
  const reversePath = now?.returnPath ?? past?.reversePath ?? "";
  return (
    <article className="message" aria-label="Message">
      <Anchor component={Link} to={back} size="xs">
        {back === "/queue" ? "← Queued" : "← History"}
      </Anchor>
      <Group justify="space-between" align="start" gap="xs">
        <h1>
          From <Address text={reversePath} max={160} />
        </h1>
        <Group gap={6}>
          <Copy text={`waypost queue show ${id}`} label="Copy as CLI" />
          <Copy
            text={JSON.stringify({ queued: now ?? null, history: past ?? null }, null, 2)}
            label="Copy as JSON"
          />
        </Group>
      </Group>
      {now && may && (
        <Group gap={6} my={6} role="toolbar" aria-label="What to do with this message">
          {ACTIONS.map((info) => (
            <Button
              key={info.action}
              size="compact-sm"
              variant="default"
              c={info.danger ? "red" : undefined}
              onClick={() => setWanted({ action: info.action, target: { kind: "ids", ids: [id] } })}
            >
              {info.verb}
            </Button>
          ))}
        </Group>
      )}
      <Facts id={id} now={now} past={past} />
      {now && <Content blobId={now.blobId} id={id} />}
      {history.error && <Trouble error={history.error} />}
      <h2 className="message-recipients">
        {recipients.length === 1 ? "Recipient" : `${recipients.length.toLocaleString("en")} recipients`}
      </h2>
      {recipients.slice(0, shown).map((recipient) => (
        <Recipient
          key={recipient.address}
          id={id}
          from={reversePath}
          recipient={recipient}
          may={may}
          open={recipients.length === 1}
        />
      ))}
      {recipients.length > shown && (
        <Button variant="default" onClick={() => setShown(shown + SHOWN * 4)}>
          {`Show more of ${(recipients.length - shown).toLocaleString("en")}`}
        </Button>
      )}
      {recipients.length === 0 && <Text c="dimmed">No recipients are known any more.</Text>}
      {wanted && <ActionDialog key={wanted.action} wanted={wanted} close={() => setWanted(null)} />}
    </article>
  );
}
