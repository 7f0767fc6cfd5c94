// The queue by cause: one sentence for all that waits for the same reason.

import { Alert, Anchor, Button, Menu } from "@mantine/core";
import { Link } from "react-router";
import { Foreign } from "@/foreign/Foreign";
import { useCauses, weight } from "@/mail/causes";
import { searchOf } from "@/mail/queue_filter";
import type { QueueCause } from "@/mail/types";
import { useNow, When } from "@/mail/When";
import { Trouble } from "@/shell/Trouble";
import { ACTIONS, type ActionInfo } from "./actions";
import type { Wanted } from "./Queue";

/** Actions that stand beside a cause; the others are in its menu. */
const NEAR = ["retry", "hold", "reroute"];
const NEAR_HELD = ["release", "reroute", "cancel"];

export default function Causes({ may, act }: { may: boolean; act: (wanted: Wanted) => void }) {
  const causes = useCauses();
  if (causes.error && !causes.data)
    return <Trouble error={causes.error} retry={() => void causes.refetch()} />;
  if (!causes.data) return <div className="loading" role="status" aria-label="Loading" />;
  if (causes.data.causes.length === 0) {
    return (
      <Alert color="gray" title="Nothing waits">
        Every accepted message has ended. What became of it is found in the{" "}
        <Anchor component={Link} to="/history" size="sm">
          history
        </Anchor>
        .
      </Alert>
    );
  }
  const left = causes.data.total - causes.data.causes.length;
  return (
    <>
      {causes.data.causes.map((cause) => (
        <Cause key={cause.id} cause={cause} may={may} act={act} />
      ))}
      {left > 0 && (
        <p className="dim">
          {`and ${left.toLocaleString("en")} smaller causes, to be found `}
          <Anchor component={Link} to="/queue?view=list" size="sm">
            in the list
          </Anchor>
        </p>
      )}
    </>
  );
}

function Cause({ cause, may, act }: { cause: QueueCause; may: boolean; act: (wanted: Wanted) => void }) {
  const list = `/queue?${searchOf({ cause: cause.id }, new URLSearchParams("view=list"))}`;
  const near = cause.kind.toLowerCase().includes("held") ? NEAR_HELD : NEAR;
  const now = useNow();
  const due = cause.nextTrial !== null && Date.parse(cause.nextTrial) <= now.getTime();
  const press = (info: ActionInfo) =>
    act({
      action: info.action,
      target: { kind: "matching", view: { cause: cause.id }, count: cause.messages },
    });
  return (
    <section className="cause" data-weight={weight(cause)} aria-label={`Cause: ${cause.kind}`}>
      <div className="cause-sentence">
        <Foreign text={cause.sentence} />
      </div>
      <div className="cause-facts">
        <Anchor component={Link} to={list} size="xs">
          {`${count(cause.recipients, "recipient")} in ${count(cause.messages, "message")}`}
        </Anchor>
        {cause.since && (
          <span>
            since <When at={cause.since} both />
          </span>
        )}
        {cause.nextTrial && <span>next trial {due ? "is due" : <When at={cause.nextTrial} both />}</span>}
        {cause.oldest && (
          <span>
            oldest queued <When at={cause.oldest} />
          </span>
        )}
      </div>
      <div className="cause-foot">
        <Button component={Link} to={list} size="compact-sm" variant="default">
          Show
        </Button>
        {may &&
          ACTIONS.filter((info) => near.includes(info.action)).map((info) => (
            <Button key={info.action} size="compact-sm" variant="default" onClick={() => press(info)}>
              {`${info.verb} ${cause.messages.toLocaleString("en")}`}
            </Button>
          ))}
        {may && (
          <Menu position="bottom-start">
            <Menu.Target>
              <Button size="compact-sm" variant="subtle" color="gray" aria-label="More actions">
                More…
              </Button>
            </Menu.Target>
            <Menu.Dropdown>
              {ACTIONS.filter((info) => !near.includes(info.action)).map((info) => (
                <Menu.Item
                  key={info.action}
                  color={info.danger ? "red" : undefined}
                  onClick={() => press(info)}
                >
                  {`${info.verb} ${cause.messages.toLocaleString("en")}…`}
                </Menu.Item>
              ))}
            </Menu.Dropdown>
          </Menu>
        )}
      </div>
    </section>
  );
}

function count(number: number, noun: string): string {
  return `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
}
