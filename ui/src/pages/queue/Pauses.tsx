// What is paused, and the switch for the whole queue.

import { Alert, Button, Group } from "@mantine/core";
import { forget, useObjects } from "@/api/hooks";
import { call } from "@/api/jmap";
import { Foreign } from "@/foreign/Foreign";
import { When } from "@/mail/When";
import { client } from "@/shell/client";
import { report } from "@/shell/report";

export type Pause = {
  id: string;
  scope: string;
  name?: string | null;
  nextHop?: string | null;
  at?: string | null;
  by?: string | null;
  [more: string]: unknown;
};

export default function Pauses({ may }: { may: boolean }) {
  const pauses = useObjects<Pause>("Pause", { refreshMs: 5_000 }).data?.list ?? [];
  const whole = pauses.some((pause) => isWhole(pause));
  return (
    <>
      {pauses.map((pause) => (
        <Alert key={pause.id} color="yellow" mb={6} p="xs">
          <Group gap="xs" justify="space-between">
            <span>
              <Foreign text={sentence(pause)} />
              {pause.by && (
                <>
                  {", by "}
                  <Foreign text={pause.by} max={80} />
                </>
              )}
              {pause.at && (
                <>
                  , <When at={pause.at} both />
                </>
              )}
              . New mail is taken as ever.
            </span>
            {may && (
              <Button size="compact-sm" onClick={() => void run(resume(pause))}>
                Resume
              </Button>
            )}
          </Group>
        </Alert>
      ))}
      {may && !whole && (
        <Group justify="flex-end" mb={4}>
          <Button
            size="compact-xs"
            variant="subtle"
            color="gray"
            onClick={() => void run({ "@type": "PauseMtaQueue" })}
          >
            Pause all deliveries
          </Button>
        </Group>
      )}
    </>
  );
}

function isWhole(pause: Pause): boolean {
  return !pause.name && !pause.nextHop;
}

function sentence(pause: Pause): string {
  if (pause.nextHop) return `Deliveries to ${pause.nextHop} are paused`;
  if (pause.name) return `The virtual queue ${pause.name} is paused`;
  return "All deliveries are paused";
}

function resume(pause: Pause): Record<string, unknown> {
  if (pause.nextHop) return { "@type": "ResumeNextHop", nextHop: pause.nextHop };
  if (pause.name) return { "@type": "ResumeVirtualQueue", name: pause.name };
  return { "@type": "ResumeMtaQueue" };
}

async function run(action: Record<string, unknown>): Promise<void> {
  try {
    const answer = await call<{ notCreated?: Record<string, { description?: string; type: string }> | null }>(
      "x:Action/set",
      { create: { a: action } },
    );
    const refused = answer.notCreated?.a;
    if (refused) throw new Error(refused.description ?? refused.type);
  } catch (error) {
    report(error, "Pausing or resuming");
  }
  await forget(client, ["Pause", "QueueCause", "QueuedMessage"]);
}
