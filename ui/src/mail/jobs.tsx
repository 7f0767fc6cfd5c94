// A job on the queue while it runs: how far it is, and whether it can still be undone.

import { Button, Group, Progress, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useEffect } from "react";
import { forget, useMethod } from "@/api/hooks";
import { call } from "@/api/jmap";
import { client } from "@/shell/client";
import { report } from "@/shell/report";
import type { QueueJob } from "./types";
import { useNow, When } from "./When";

const LOOK_MS = 400;
/** Objects that look different after a job. */
const TOUCHED = ["QueuedMessage", "QueueCause", "MessageHistory", "Statistics"];

/** Shows a job until the person closes it. `said` is what it does: `Retry 412 messages`. */
export function follow(id: string, said: string): void {
  notifications.show({
    id: `job-${id}`,
    title: said,
    message: <Job id={id} said={said} />,
    autoClose: false,
    withBorder: true,
  });
}

function Job({ id, said }: { id: string; said: string }) {
  const answer = useMethod<{ list: QueueJob[] }>(
    "x:QueueJob/get",
    { ids: [id] },
    { refreshMs: LOOK_MS, staleMs: 0 },
  );
  const job = answer.data?.list[0];
  const running = job === undefined || job.state === "running";
  useEffect(() => {
    if (!running) void forget(client, TOUCHED);
  }, [running]);
  if (answer.error) return <Text size="sm">{answer.error.message}</Text>;
  if (!job) return <Progress value={0} />;
  const part = job.total === 0 ? 100 : (100 * (job.done + job.failed)) / job.total;
  return (
    <>
      {running && <Progress value={part} animated size="sm" mb={4} aria-label={said} />}
      <Text size="sm" role="status">
        {words(job)}
      </Text>
      {!running && job.state !== "undone" && job.undoUntil && (
        <Undo id={id} until={job.undoUntil} said={said} />
      )}
    </>
  );
}

function Undo({ id, until, said }: { id: string; until: string; said: string }) {
  const now = useNow();
  if (Date.parse(until) <= now.getTime()) return null;
  return (
    <Group gap="xs" mt={4}>
      <Button size="compact-xs" variant="default" onClick={() => void undo(id, said)}>
        Undo
      </Button>
      <Text size="xs" c="dimmed">
        possible until <When at={until} both />
      </Text>
    </Group>
  );
}

function words(job: QueueJob): string {
  const done = job.done.toLocaleString("en");
  const total = job.total.toLocaleString("en");
  const failed = job.failed > 0 ? `, ${job.failed.toLocaleString("en")} not: they had ended or changed` : "";
  if (job.state === "running") return `${done} of ${total}${failed}`;
  if (job.state === "undone") return "Undone.";
  return `Done: ${done} of ${total}${failed}.`;
}

async function undo(id: string, said: string): Promise<void> {
  try {
    const answer = await call<{
      created?: Record<string, { id: string }> | null;
      notCreated?: Record<string, { description?: string; type: string }> | null;
    }>("x:QueueJob/set", { create: { u: { action: "undo", job: id } } });
    const refused = answer.notCreated?.u;
    if (refused) throw new Error(refused.description ?? refused.type);
    notifications.hide(`job-${id}`);
    const created = answer.created?.u;
    if (created) follow(created.id, `Undo: ${said}`);
  } catch (error) {
    report(error, "Undoing");
  }
}
