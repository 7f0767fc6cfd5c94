// Removing an object: after a question, and refused with the reason while others need it.
import { Button, Group, List, Modal, Text, TextInput } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "react-router";
import { asProblem, type SetError, setErrorText } from "@/api/errors";
import { forget } from "@/api/hooks";
import type { Fault } from "@/forms/faults";
import { done, report } from "@/shell/report";
import { findings, refusal, send } from "./changes";
import { pathOfObject } from "./where";

interface Props {
  type: string;
  id: string;
  name: string;
  noun: string;
  onGone: () => void;
  /** What the person should know before. */
  note?: React.ReactNode;
}

export function Remove({ type, id, name, noun, onGone, note }: Props) {
  const [asking, setAsking] = useState(false);
  const [comment, setComment] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<SetError | null>(null);
  const [faults, setFaults] = useState<Fault[]>([]);
  const client = useQueryClient();
  const remove = async () => {
    setBusy(true);
    setError(null);
    setFaults([]);
    try {
      const answer = await send(type, { destroy: [id] }, { comment });
      const refused = refusal(answer);
      if (refused) return setError(refused);
      void forget(client);
      done(`The ${noun} ${name} is gone${answer.revision ? `, as of revision ${answer.revision}` : ""}.`);
      setAsking(false);
      onGone();
    } catch (thrown) {
      const problem = asProblem(thrown);
      if (problem.type === "invalidSettings") setFaults(findings(problem, type, name));
      else report(problem, "Removing it");
    } finally {
      setBusy(false);
    }
  };
  return (
    <>
      <Button variant="default" onClick={() => setAsking(true)}>
        Remove…
      </Button>
      <Modal opened={asking} onClose={() => setAsking(false)} title={`Remove the ${noun} ${name}?`} size="md">
        {note}
        {error && (
          <div role="alert">
            <Text size="sm" c="red">
              {setErrorText(error)}
            </Text>
            {error.linkedObjects && (
              <List size="sm" mt={4}>
                {error.linkedObjects.map((linked) => (
                  <List.Item key={`${linked.object} ${linked.id}`}>
                    <Link to={pathOfObject(linked.object, linked.id)} onClick={() => setAsking(false)}>
                      {linked.object} {linked.name ?? linked.id}
                    </Link>
                  </List.Item>
                ))}
              </List>
            )}
          </div>
        )}
        {faults.map((fault) => (
          <Text key={fault.message} size="sm" c="red" role="alert">
            {fault.path.length > 0 && <code>{fault.path.join(".")} </code>}
            {fault.message} {fault.hint}
          </Text>
        ))}
        <TextInput
          mt="sm"
          label="Why?"
          placeholder="For those who read the revisions later"
          value={comment}
          onChange={(event) => setComment(event.currentTarget.value)}
          data-autofocus
        />
        <Group justify="flex-end" mt="md">
          <Button variant="default" onClick={() => setAsking(false)}>
            Keep it
          </Button>
          <Button color="red" onClick={() => void remove()} loading={busy}>
            Remove
          </Button>
        </Group>
      </Modal>
    </>
  );
}
