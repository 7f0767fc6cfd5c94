// One message of the queue in one row: from whom to whom, why it is still here, and when it is tried next.

import { Anchor, Badge, Checkbox } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import { Link } from "react-router";
import { Address, Foreign, revealed } from "@/foreign/Foreign";
import { bytes } from "@/mail/size";
import type { QueuedMessage, QueuedRecipient } from "@/mail/types";
import { useNow, When } from "@/mail/When";

const WIDE_HEIGHT = 54;
const NARROW_HEIGHT = 104;

/** Pixels of a row in a window of this width. */
export function useRowHeight(): number {
  return useMediaQuery("(max-width: 820px)", false, { getInitialValueInEffect: false })
    ? NARROW_HEIGHT
    : WIDE_HEIGHT;
}

export default function QueueRow(props: {
  message: QueuedMessage | undefined;
  selectable: boolean;
  selected: boolean;
  toggle: () => void;
}) {
  const { message } = props;
  if (!message) {
    return (
      <div role="gridcell" className="queue-row">
        <span className="dim">…</span>
      </div>
    );
  }
  const recipients = Object.entries(message.recipients);
  const [first, status] = foremost(recipients);
  const more = recipients.length - 1;
  return (
    <div role="gridcell" className="queue-row">
      {props.selectable && (
        <Checkbox
          size="xs"
          className="queue-check"
          tabIndex={-1}
          checked={props.selected}
          onChange={props.toggle}
          aria-label={`Select the message from ${revealed(message.returnPath)} to ${revealed(first)}`}
        />
      )}
      <div className="queue-who">
        <Anchor
          component={Link}
          to={`/queue/${encodeURIComponent(message.id)}`}
          className="queue-to"
          tabIndex={-1}
        >
          <Address text={first} max={120} quiet />
        </Anchor>
        {more > 0 && <span className="dim">{` and ${more.toLocaleString("en")} more`}</span>}
        <div className="queue-from dim">
          from <Address text={message.returnPath} max={120} quiet />
        </div>
      </div>
      <div className="queue-why">
        {status?.held && (
          <Badge size="xs" color="yellow" variant="light" mr={4}>
            held
          </Badge>
        )}
        {status?.inDoubt && (
          <Badge size="xs" color="orange" variant="light" mr={4} title="it may have been delivered already">
            in doubt
          </Badge>
        )}
        <Foreign text={status?.why ?? ""} max={300} quiet />
        {status && <LastWords status={status.status} />}
      </div>
      <div className="queue-due">
        <Next message={message} />
        <div className="dim">
          <Age at={message.createdAt} /> · {bytes(message.size)}
        </div>
      </div>
    </div>
  );
}

/** What the other side said last, in its own words. */
function LastWords({ status }: { status: QueuedRecipient["status"] }) {
  if (status["@type"] === "Scheduled" || !status.responseMessage) return null;
  const reply = [status.responseCode, status.responseEnhanced, status.responseMessage]
    .filter(Boolean)
    .join(" ");
  return (
    <>
      {" "}
      <code className="dim">
        <Foreign text={reply} max={200} quiet />
      </code>
    </>
  );
}

function Next({ message }: { message: QueuedMessage }) {
  const now = useNow();
  if (message.nextRetry === null) return <span className="dim">not scheduled</span>;
  if (Date.parse(message.nextRetry) <= now.getTime()) return <span title={message.nextRetry}>due now</span>;
  return <When at={message.nextRetry} />;
}

function Age({ at }: { at: string }) {
  return (
    <>
      queued <When at={at} />
    </>
  );
}

/** The recipient that says most about the message: one that still waits, held ones first. */
function foremost(recipients: [string, QueuedRecipient][]): [string, QueuedRecipient | undefined] {
  const waits = (entry: [string, QueuedRecipient]) =>
    entry[1].status["@type"] === "Scheduled" || entry[1].status["@type"] === "TemporaryFailure";
  const found = recipients.find((entry) => entry[1].held) ?? recipients.find(waits) ?? recipients[0];
  return found ?? ["", undefined];
}
