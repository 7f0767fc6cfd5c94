// One recipient: its state in a sentence, what may be done to it alone, and its attempts, newest first.

import { Anchor, Badge, Button, Group, Text } from "@mantine/core";
import { Link } from "react-router";
import type { SetError } from "@/api/errors";
import { setErrorText } from "@/api/errors";
import { forget } from "@/api/hooks";
import { call } from "@/api/jmap";
import { Address, Foreign } from "@/foreign/Foreign";
import { When } from "@/mail/When";
import { searchOf } from "@/pages/explain/question";
import { client } from "@/shell/client";
import { done, report } from "@/shell/report";
import AttemptView from "./Attempt";
import { EventView } from "./Event";
import { type KnownRecipient, steps } from "./merge";
import { OUTCOME_COLOUR } from "./outcome";

export default function Recipient(props: {
  id: string;
  from: string;
  recipient: KnownRecipient;
  may: boolean;
  open: boolean;
}) {
  const { recipient, may } = props;
  const { queued } = recipient;
  const timeline = steps(recipient);
  const waits = queued && !["Completed", "PermanentFailure"].includes(queued.status["@type"]);
  const why = searchOf({
    from: props.from,
    to: [recipient.address],
    headers: [],
    retryNum: queued?.retryCount,
  });
  return (
    <section className="recipient" aria-label={`Recipient ${recipient.address}`}>
      <Group gap="xs" justify="space-between" align="start">
        <div className="recipient-head">
          <Badge color={OUTCOME_COLOUR[recipient.state] ?? "gray"} variant="light">
            {recipient.state}
          </Badge>{" "}
          <strong>
            <Address text={recipient.address} />
          </strong>
        </div>
        <Group gap={6}>
          {may && waits && (
            <>
              <Button
                size="compact-xs"
                variant="default"
                onClick={() => void retry(props.id, recipient.address)}
              >
                Retry now
              </Button>
              <Button
                size="compact-xs"
                variant="default"
                c="red"
                onClick={() => void cancel(props.id, recipient.address)}
              >
                Cancel
              </Button>
            </>
          )}
          <Anchor component={Link} to={`/explain?${why}`} size="xs">
            Explain now
          </Anchor>
        </Group>
      </Group>
      {queued && <Queued queued={queued} />}
      {timeline.length === 0 ? (
        <Text size="sm" c="dimmed" mt={4}>
          No attempt is recorded.
        </Text>
      ) : (
        <ol className="timeline" aria-label="What happened, newest first">
          {timeline.map((step) =>
            "event" in step ? (
              <EventView key={`${step.event.event}-${step.event.at}`} event={step.event} />
            ) : (
              <AttemptView
                key={`attempt-${step.number}`}
                attempt={step.attempt}
                number={step.number}
                open={props.open && step.number === recipient.attempts.length}
              />
            ),
          )}
        </ol>
      )}
    </section>
  );
}

function Queued({ queued }: { queued: NonNullable<KnownRecipient["queued"]> }) {
  return (
    <div className="recipient-why">
      <Foreign text={queued.why} />
      <div className="dim small">
        {queued.retryDue && (
          <span>
            next attempt <When at={queued.retryDue} both />
          </span>
        )}
        <span>{`${queued.retryCount} failed so far`}</span>
        {queued.expires?.["@type"] === "Ttl" && (
          <span>
            given up <When at={queued.expires.expiresAt} both />
          </span>
        )}
        {queued.expires?.["@type"] === "Attempts" && (
          <span>{`given up after ${queued.expires.expiresAttempts} attempts`}</span>
        )}
        {queued.queueName && (
          <span>
            virtual queue <Foreign text={queued.queueName} max={60} />
          </span>
        )}
        {queued.override && (
          <span>
            rerouted to <Foreign text={queued.override} max={60} />
          </span>
        )}
        {queued.held && (
          <span>
            held by <Foreign text={queued.held.by} max={60} /> <When at={queued.held.at} both />
            {queued.held.reason && (
              <>
                : <Foreign text={queued.held.reason} max={300} />
              </>
            )}
          </span>
        )}
        {queued.cause && (
          <Anchor
            component={Link}
            size="xs"
            to={`/queue?view=list&cause=${encodeURIComponent(queued.cause)}`}
          >
            all that waits for this
          </Anchor>
        )}
      </div>
    </div>
  );
}

/** An address as a part of a JSON pointer (RFC 6901 section 3). */
function pointer(address: string): string {
  return `recipients/${address.replaceAll("~", "~0").replaceAll("/", "~1")}`;
}

function retry(id: string, address: string): Promise<void> {
  const now = new Date().toISOString();
  return patch(id, { [`${pointer(address)}/retryDue`]: now }, "Retrying", "It is tried now.");
}

function cancel(id: string, address: string): Promise<void> {
  return patch(id, { [pointer(address)]: null }, "Cancelling", "It is given up.");
}

async function patch(
  id: string,
  change: Record<string, unknown>,
  doing: string,
  said: string,
): Promise<void> {
  try {
    const answer = await call<{ notUpdated?: Record<string, SetError> | null }>("x:QueuedMessage/set", {
      update: { [id]: change },
    });
    const refused = answer.notUpdated?.[id];
    if (refused) throw new Error(setErrorText(refused));
    done(said);
  } catch (error) {
    report(error, doing);
  }
  await forget(client, ["QueuedMessage", "MessageHistory", "QueueCause"]);
}
