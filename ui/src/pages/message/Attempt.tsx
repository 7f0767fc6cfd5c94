// One attempt: when, what became of it, and unfolded by which way, with which security, in whose words.

import { Anchor, Badge } from "@mantine/core";
import { Link } from "react-router";
import { Decision } from "@/decision/Decision";
import type { Explained } from "@/decision/types";
import { Foreign, ForeignLines } from "@/foreign/Foreign";
import { Dialogue } from "@/mail/Dialogue";
import { span } from "@/mail/time";
import type { Attempt } from "@/mail/types";
import { When } from "@/mail/When";
import { Fact } from "./Facts";
import { OUTCOME_COLOUR } from "./outcome";
import { Reason } from "./Reason";
import { described } from "./words";

export default function AttemptView(props: { attempt: Attempt; number: number; open: boolean }) {
  const { attempt, number } = props;
  return (
    <li className="attempt" data-outcome={attempt.outcome}>
      <details open={props.open}>
        <summary>
          <span className="attempt-when">
            {`${number}. `}
            <When at={attempt.at} both />
          </span>
          <Badge size="sm" color={OUTCOME_COLOUR[attempt.outcome] ?? "gray"} variant="light">
            {attempt.outcome}
          </Badge>
          {attempt.host && (
            <span className="attempt-host">
              <Foreign text={attempt.host} max={120} quiet />
            </span>
          )}
          {attempt.reply && (
            <code className="attempt-reply">
              <Foreign text={attempt.reply} max={240} quiet />
            </code>
          )}
        </summary>
        <Details attempt={attempt} />
      </details>
    </li>
  );
}

function Details({ attempt }: { attempt: Attempt }) {
  return (
    <div className="attempt-body">
      {attempt.reply && (
        <figure className="words">
          <figcaption>{attempt.host ? "In the words of the other side" : "What kept it"}</figcaption>
          <code>
            <ForeignLines text={attempt.reply} />
          </code>
        </figure>
      )}
      <dl className="facts">
        {attempt.route && (
          <Fact name="Route">
            <Anchor
              component={Link}
              size="sm"
              to={`/settings/routes?name=${encodeURIComponent(attempt.route)}`}
            >
              <Foreign text={attempt.route} max={80} quiet />
            </Anchor>
          </Fact>
        )}
        {attempt.host && (
          <Fact name="Host">
            <Foreign text={attempt.host} max={200} />
            {attempt.address && (
              <span className="mono">
                {" "}
                <Foreign text={attempt.address} max={80} />
              </span>
            )}
          </Fact>
        )}
        {attempt.nextHop && (
          <Fact name="Next hop">
            <Foreign text={attempt.nextHop} max={200} />
          </Fact>
        )}
        {described(attempt.tls) && (
          <Fact name="TLS">
            <Foreign text={described(attempt.tls) ?? ""} />
          </Fact>
        )}
        {described(attempt.tlsPolicy) && (
          <Fact name="TLS because">
            <Foreign text={described(attempt.tlsPolicy) ?? ""} />
          </Fact>
        )}
        {attempt.durationMs !== null && <Fact name="Took">{span(attempt.durationMs)}</Fact>}
        {attempt.trouble && (
          <Fact name="Kind of trouble">
            <Foreign text={[attempt.trouble, attempt.status].filter(Boolean).join(", ")} max={80} />
          </Fact>
        )}
        {attempt.reused && <Fact name="Connection">a kept one</Fact>}
        {attempt.nextAttempt && (
          <Fact name="Next attempt">
            <When at={attempt.nextAttempt} both />
          </Fact>
        )}
        {attempt.revision !== null && attempt.revision !== undefined && (
          <Fact name="Settings">
            <Anchor component={Link} size="sm" to={`/settings/revisions?number=${attempt.revision}`}>
              {`revision ${attempt.revision}`}
            </Anchor>
          </Fact>
        )}
      </dl>
      {attempt.duplicateRisk && (
        <p className="in-doubt">
          The other side may have taken the message although we never heard so: a second copy is possible.
        </p>
      )}
      <Why reason={attempt.reason} />
      {attempt.dialogue.length > 0 ? (
        <>
          <h3>Dialogue</h3>
          <Dialogue lines={attempt.dialogue} label="Dialogue of this attempt" />
        </>
      ) : (
        <p className="dim small">No dialogue was kept of this attempt.</p>
      )}
    </div>
  );
}

function Why({ reason }: { reason: unknown }) {
  if (reason === null || reason === undefined || reason === "") return null;
  return (
    <>
      <h3>Why this route</h3>
      {typeof reason === "string" ? (
        <Reason text={reason} />
      ) : (
        <Decision
          explained={Array.isArray(reason) ? { property: "route", branches: reason } : (reason as Explained)}
        />
      )}
    </>
  );
}
