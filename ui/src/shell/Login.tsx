// Who are you? The pages before anybody is logged in.
import { Button, PasswordInput, Text, TextInput } from "@mantine/core";
import { type FormEvent, type ReactNode, useState } from "react";
import { asProblem, type Problem } from "@/api/errors";
import { type Me, session } from "@/api/session";
import { Trouble } from "./Trouble";

/** The shortest password that the server takes. */
const PASSWORD_MIN = 12;

function Card({ title, children }: { title: string; children: ReactNode }) {
  return (
    <main className="door">
      <div className="door-card">
        <div className="brand">
          <img src="/mark.svg" alt="" width={24} height={24} />
          Waypost
        </div>
        <h1>{title}</h1>
        {children}
      </div>
    </main>
  );
}

/** Name and password. */
export function Login({ onIn }: { onIn: (me: Me) => void }) {
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const { busy, problem, run } = useAttempt(onIn);
  return (
    <Card title="Log in">
      <form onSubmit={(event) => run(event, () => session.login(name, password))}>
        <TextInput
          label="Name"
          autoComplete="username"
          autoFocus
          required
          withAsterisk={false}
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <PasswordInput
          mt="sm"
          label="Password"
          autoComplete="current-password"
          required
          withAsterisk={false}
          value={password}
          onChange={(event) => setPassword(event.currentTarget.value)}
        />
        {problem && <LoginTrouble problem={problem} />}
        <Button mt="md" size="sm" fullWidth type="submit" loading={busy}>
          Log in
        </Button>
      </form>
      <Text size="xs" c="dimmed" mt="md">
        Lost the password? On the server, <code>waypost access link</code> prints a link that sets a new one.
      </Text>
    </Card>
  );
}

function LoginTrouble({ problem }: { problem: Problem }) {
  if (problem.kind !== "login") return <Trouble error={problem} />;
  return (
    <Text c="red" size="sm" mt="sm" role="alert">
      Name or password is wrong.
    </Text>
  );
}

/** The first password, by the link that the server printed: `/setup#TOKEN`. */
export function Setup({ onIn }: { onIn: (me: Me) => void }) {
  const [token] = useState(() => window.location.hash.slice(1));
  const [name, setName] = useState("admin");
  const [password, setPassword] = useState("");
  const { busy, problem, run } = useAttempt((me) => {
    window.history.replaceState(null, "", "/");
    onIn(me);
  });
  const short = password !== "" && password.length < PASSWORD_MIN;
  if (token === "") {
    return (
      <Card title="The link is not whole">
        <Text>
          Open the link that the server printed when it started, to its end. It has the form{" "}
          <code>/setup#…</code>.
        </Text>
      </Card>
    );
  }
  return (
    <Card title="Welcome">
      <Text size="sm" mb="sm">
        Choose a name and a password for the first administrator. The link works once.
      </Text>
      <form onSubmit={(event) => run(event, () => session.setup(token, name, password))}>
        <TextInput
          label="Name"
          autoComplete="username"
          required
          withAsterisk={false}
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <PasswordInput
          mt="sm"
          label="Password"
          description={`At least ${PASSWORD_MIN} characters. A few unrelated words are good.`}
          autoComplete="new-password"
          autoFocus
          required
          withAsterisk={false}
          value={password}
          onChange={(event) => setPassword(event.currentTarget.value)}
          error={short ? `${PASSWORD_MIN - password.length} more` : null}
        />
        {problem && <Trouble error={problem} />}
        <Button
          mt="md"
          size="sm"
          fullWidth
          type="submit"
          loading={busy}
          disabled={password.length < PASSWORD_MIN}
        >
          Set the password and log in
        </Button>
      </form>
    </Card>
  );
}

function useAttempt(onIn: (me: Me) => void) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const run = (event: FormEvent, attempt: () => Promise<Me>) => {
    event.preventDefault();
    setBusy(true);
    setProblem(null);
    attempt()
      .then(onIn)
      .catch((error) => setProblem(asProblem(error)))
      .finally(() => setBusy(false));
  };
  return { busy, problem, run };
}
