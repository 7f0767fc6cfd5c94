// What must every page tell, whichever it is? A change on trial, with the time that is left.
import { Button, Group, Text } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "react-router";
import { forget, useMe } from "@/api/hooks";
import { call } from "@/api/jmap";
import { reaches } from "@/api/session";
import type { SetAnswer } from "@/editor/changes";
import { useRevisions, useTrial } from "@/editor/trial";
import type { RevisionItem } from "@/editor/useEditor";
import { span } from "@/mail/time";
import { useNow } from "@/mail/When";
import { done, report } from "./report";

/** Milliseconds that a return needs to be confirmed in: it is, in the next moment. */
const RETURN_MS = 60_000;

/** A change that waits to be confirmed, and other things that do not wait until one looks for them. */
export function Notices() {
  const trial = useTrial();
  return trial ? <Trial trial={trial} /> : null;
}

function Trial({ trial }: { trial: RevisionItem }) {
  const now = useNow();
  const me = useMe();
  const client = useQueryClient();
  const revisions = useRevisions();
  const [busy, setBusy] = useState<"keep" | "back" | null>(null);
  const left = new Date(trial.confirmBy ?? 0).getTime() - now.getTime();
  const backTo = trial.backTo ?? trial.number - 1;
  const run = async (what: "keep" | "back", act: () => Promise<string>) => {
    setBusy(what);
    try {
      done(await act());
    } catch (error) {
      report(error, what === "keep" ? "Confirming" : "Going back");
    } finally {
      setBusy(null);
      void forget(client);
      void revisions.refetch();
    }
  };
  const keep = () =>
    run("keep", async () => {
      await call("x:Revision/confirm", { number: trial.number });
      return `Revision ${trial.number} stays.`;
    });
  const back = () =>
    run("back", async () => {
      const answer = await call<SetAnswer>("x:Revision/restore", {
        number: backTo,
        confirmWithin: RETURN_MS,
        comment: `revision ${trial.number} was taken back`,
      });
      if (answer.revision !== undefined) await call("x:Revision/confirm", { number: answer.revision });
      return `The settings of revision ${backTo} are in force again.`;
    });
  return (
    <div className="trial" role="status" aria-label="A change is on trial">
      <Text size="sm">
        <Link to={`/settings/revisions/${trial.number}`}>Revision {trial.number}</Link> by {trial.author} is
        on trial: <strong className="trial-left">{left > 0 ? span(left) : "now"}</strong> until it goes back
        by itself.
        <span className="trial-what">
          {" "}
          {trial.differences[0]}
          {trial.differences.length > 1 && ` and ${trial.differences.length - 1} more`}
        </span>
      </Text>
      {reaches(me.data?.role, "router") && (
        <Group gap="xs" wrap="nowrap">
          <Button
            variant="default"
            onClick={() => void back()}
            loading={busy === "back"}
            disabled={backTo < 1}
          >
            Go back now
          </Button>
          <Button onClick={() => void keep()} loading={busy === "keep"}>
            Keep it
          </Button>
        </Group>
      )}
    </div>
  );
}
