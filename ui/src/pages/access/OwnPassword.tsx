// Changes the password of whoever is logged in.
import { Button, PasswordInput, Text } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { asProblem } from "@/api/errors";
import { useMe } from "@/api/hooks";
import { request } from "@/api/jmap";
import { done } from "@/shell/report";

export function OwnPassword() {
  const me = useMe();
  const [current, setCurrent] = useState("");
  const [next, setNext] = useState("");
  const [busy, setBusy] = useState(false);
  const [wrong, setWrong] = useState<string | null>(null);
  const change = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setWrong(null);
    try {
      await request("POST", "/auth/password", { old: current, new: next });
      done("Your password is changed; your other sessions are over.");
      setCurrent("");
      setNext("");
    } catch (error) {
      const problem = asProblem(error);
      setWrong(problem.kind === "login" ? "The present password is wrong." : problem.message);
    } finally {
      setBusy(false);
    }
  };
  return (
    <form onSubmit={(event) => void change(event)} style={{ maxWidth: 360 }}>
      <Text size="sm" mb="xs">
        You are <strong>{me.data?.name}</strong>, {me.data?.role}.
      </Text>
      <input
        type="text"
        name="username"
        autoComplete="username"
        value={me.data?.name ?? ""}
        readOnly
        hidden
      />
      <PasswordInput
        label="Present password"
        required
        withAsterisk={false}
        autoComplete="current-password"
        value={current}
        onChange={(event) => setCurrent(event.currentTarget.value)}
      />
      <PasswordInput
        mt="xs"
        label="New password"
        description="At least 12 characters"
        required
        withAsterisk={false}
        autoComplete="new-password"
        value={next}
        onChange={(event) => setNext(event.currentTarget.value)}
      />
      {wrong && (
        <Text size="sm" c="red" mt="xs" role="alert">
          {wrong}
        </Text>
      )}
      <Button mt="sm" type="submit" loading={busy}>
        Change the password
      </Button>
    </form>
  );
}
