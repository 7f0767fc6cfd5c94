// What happened, one message a row: when, from whom to whom, what became of it, in whose words.

import { Anchor, Badge } from "@mantine/core";
import { useRef, useState } from "react";
import { Link, useNavigate } from "react-router";
import { Address, Foreign } from "@/foreign/Foreign";
import { useKeys } from "@/list/useKeys";
import { bytes } from "@/mail/size";
import type { Attempt, HistoryMessage } from "@/mail/types";
import { When } from "@/mail/When";
import { OUTCOME_COLOUR } from "@/pages/message/outcome";

export default function HistoryRows({ messages }: { messages: HistoryMessage[] }) {
  const [at, setAt] = useState(-1);
  const list = useRef<HTMLOListElement>(null);
  const navigate = useNavigate();
  const go = (index: number) => {
    const next = Math.max(0, Math.min(messages.length - 1, index));
    setAt(next);
    list.current?.children[next]?.scrollIntoView({ block: "nearest" });
  };
  useKeys(
    new Map<string, () => void>([
      ["j", () => go(at + 1)],
      ["k", () => go(at - 1)],
      [
        "Enter",
        () => {
          const id = messages[at]?.id;
          if (id !== undefined) void navigate(`/history/${encodeURIComponent(id)}`);
        },
      ],
    ]),
  );
  return (
    <ol className="history" ref={list} aria-label="Messages, newest first">
      {messages.map((message, index) => (
        <Row key={message.id} message={message} focused={index === at} />
      ))}
    </ol>
  );
}

function Row({ message, focused }: { message: HistoryMessage; focused: boolean }) {
  const recipients = message.recipients;
  const first = recipients[0];
  const newest = latest(recipients.flatMap((recipient) => recipient.attempts));
  const states = [...new Set(recipients.map((recipient) => recipient.state))];
  return (
    <li className="history-row" data-focused={focused || undefined}>
      <div className="history-when">
        <When at={message.acceptedAt} />
        <div className="dim">{bytes(message.size)}</div>
      </div>
      <div className="queue-who">
        <Anchor component={Link} to={`/history/${encodeURIComponent(message.id)}`} className="queue-to">
          <Address text={first?.address ?? ""} max={120} quiet />
        </Anchor>
        {recipients.length > 1 && (
          <span className="dim">{` and ${(recipients.length - 1).toLocaleString("en")} more`}</span>
        )}
        <div className="queue-from dim">
          from <Address text={message.reversePath} max={120} quiet />
        </div>
      </div>
      <div className="history-states">
        {states.map((state) => (
          <Badge key={state} size="sm" variant="light" color={OUTCOME_COLOUR[state] ?? "gray"}>
            {state}
          </Badge>
        ))}
      </div>
      <div className="queue-why">
        {newest?.route && (
          <span className="dim">
            <Foreign text={newest.route} max={60} quiet />
            {newest.host && (
              <>
                {" › "}
                <Foreign text={newest.host} max={80} quiet />
              </>
            )}
            {": "}
          </span>
        )}
        <Foreign text={newest?.reply ?? ""} max={240} quiet />
      </div>
    </li>
  );
}

function latest(attempts: Attempt[]): Attempt | undefined {
  return attempts.reduce<Attempt | undefined>(
    (best, attempt) => (best === undefined || Date.parse(attempt.at) >= Date.parse(best.at) ? attempt : best),
    undefined,
  );
}
