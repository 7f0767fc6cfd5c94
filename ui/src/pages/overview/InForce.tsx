// Which settings are in force, since when and by whom; and the timer of a change that waits to be confirmed.

import { Alert, Anchor, Button, Group, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { forget, useMe } from "@/api/hooks";
import { call } from "@/api/jmap";
import { reaches } from "@/api/session";
import { Foreign } from "@/foreign/Foreign";
import { useNow, When } from "@/mail/When";
import { client } from "@/shell/client";
import { done, report } from "@/shell/report";
import type { Revision } from "./types";

export default function InForce() {
  const newest = useQuery<Revision | null>({
    queryKey: ["x:Revision/query", "newest"],
    queryFn: async () => {
      const found = await call<{ ids: string[] }>("x:Revision/query", { limit: 1 });
      if (found.ids.length === 0) return null;
      const got = await call<{ list: Revision[] }>("x:Revision/get", { ids: found.ids });
      return got.list[0] ?? null;
    },
    refetchInterval: 5_000,
  });
  const now = useNow();
  const may = reaches(useMe().data?.role, "router");
  const revision = newest.data;
  if (!revision) return null;
  const open =
    revision.confirmBy && Date.parse(revision.confirmBy) > now.getTime() ? revision.confirmBy : null;
  const said = (
    <>
      <Anchor component={Link} size="sm" to={`/settings/revisions?number=${revision.number}`}>
        {`Revision ${revision.number}`}
      </Anchor>{" "}
      of the settings is in force, by <Foreign text={revision.author} max={60} />{" "}
      <When at={revision.at} both />
      {revision.comment && (
        <>
          {": "}
          <Foreign text={revision.comment} max={200} />
        </>
      )}
    </>
  );
  if (!open) {
    return (
      <Text size="sm" mb="xs" c="dimmed">
        {said}
      </Text>
    );
  }
  return (
    <Alert color="yellow" mb="xs" p="xs">
      <Group justify="space-between" gap="xs">
        <span>
          {said}. It undoes itself <When at={open} both /> unless it is confirmed.
        </span>
        {may && (
          <Button size="compact-sm" onClick={() => void confirm(revision.number)}>
            Confirm
          </Button>
        )}
      </Group>
    </Alert>
  );
}

async function confirm(number: number): Promise<void> {
  try {
    await call("x:Revision/confirm", { number });
    done(`Revision ${number} stays.`);
  } catch (error) {
    report(error, "Confirming");
  }
  await forget(client, ["Revision"]);
}
