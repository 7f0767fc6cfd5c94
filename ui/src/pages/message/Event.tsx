// What a person did to a recipient, or whom we told, in one line of the timeline.

import { Foreign } from "@/foreign/Foreign";
import type { HistoryEvent } from "@/mail/types";
import { When } from "@/mail/When";

export function EventView({ event }: { event: HistoryEvent }) {
  return (
    <li className="attempt event">
      <When at={event.at} both /> <strong>{event.event}</strong>
      {event.by && (
        <>
          {" by "}
          <Foreign text={event.by} max={80} />
        </>
      )}
      {event.to && (
        <>
          {": "}
          <Foreign text={event.to} max={200} />
          {" was told"}
        </>
      )}
      {event.reason && (
        <>
          {": "}
          <Foreign text={event.reason} max={300} />
        </>
      )}
    </li>
  );
}
