// The facts of a message: what the client said, where it came from, how large it is.

import { Foreign } from "@/foreign/Foreign";
import { bytes } from "@/mail/size";
import type { HistoryMessage, QueuedMessage } from "@/mail/types";
import { When } from "@/mail/When";

export default function Facts(props: {
  id: string;
  now: QueuedMessage | undefined;
  past: HistoryMessage | undefined;
}) {
  const { now, past } = props;
  const flags = Object.keys(now?.flags ?? {});
  return (
    <dl className="facts">
      <Fact name="Accepted">
        <When at={now?.createdAt ?? past?.acceptedAt} both />
      </Fact>
      <Fact name="Size">{bytes(now?.size ?? past?.size ?? 0)}</Fact>
      <Fact name="Id">
        <span className="mono">
          <Foreign text={props.id} />
        </span>
      </Fact>
      {now?.receivedFromIp && (
        <Fact name="Came from">
          <Foreign text={`${now.receivedFromIp} at port ${now.receivedViaPort ?? "?"}`} />
        </Fact>
      )}
      {!now && past?.origin !== undefined && past.origin !== null && (
        <Fact name="Came from">
          <Foreign text={originWords(past.origin)} />
        </Fact>
      )}
      {now?.nextRetry && (
        <Fact name="Next attempt">
          <When at={now.nextRetry} both />
        </Fact>
      )}
      {flags.length > 0 && (
        <Fact name="Kind">
          <Foreign text={flags.join(", ")} />
        </Fact>
      )}
      {now && now.priority !== 0 && <Fact name="Priority">{now.priority}</Fact>}
      {now?.envId && (
        <Fact name="ENVID">
          <Foreign text={now.envId} max={120} />
        </Fact>
      )}
    </dl>
  );
}

/** A name and what is to be said about it. */
export function Fact({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** Where a message came from: `10.0.0.7, by submission, as ann`. */
function originWords(origin: unknown): string {
  if (typeof origin !== "object" || origin === null) return String(origin);
  const { source, listener, clientIp, authenticatedAs } = origin as Record<string, string | null | undefined>;
  const said = [
    clientIp,
    listener && `by ${listener}`,
    authenticatedAs ? `as ${authenticatedAs}` : source === "unauthenticated" ? "not authenticated" : source,
  ];
  return said.filter(Boolean).join(", ");
}
