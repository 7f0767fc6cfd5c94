// What stands where a page or a part of it cannot be shown?
import { Alert, Anchor, Button, Group, Text } from "@mantine/core";
import { Component, type ErrorInfo, type ReactNode } from "react";
import { asProblem } from "@/api/errors";

/** A problem in place of what it kept from being shown. */
export function Trouble({ error, retry }: { error: unknown; retry?: () => void }) {
  const problem = asProblem(error);
  return (
    <Alert color="red" title={problem.message} role="alert" my="sm">
      {problem.advice && <Text size="sm">{problem.advice}</Text>}
      {retry && (
        <Group mt="xs">
          <Button variant="default" onClick={retry}>
            Try again
          </Button>
        </Group>
      )}
    </Alert>
  );
}

interface State {
  error: unknown;
}

/** Keeps a fault of one page from taking the others along. Forgets it when `resetKey` changes. */
export class Boundary extends Component<{ children: ReactNode; resetKey?: string }, State> {
  state: State = { error: null };

  static getDerivedStateFromError(error: unknown): State {
    return { error };
  }

  componentDidCatch(error: unknown, info: ErrorInfo) {
    console.error(error, info.componentStack);
  }

  componentDidUpdate(before: { resetKey?: string }) {
    if (before.resetKey !== this.props.resetKey && this.state.error !== null) this.setState({ error: null });
  }

  render() {
    if (this.state.error === null) return this.props.children;
    const stale = /dynamically imported module|Importing a module/.test(String(this.state.error));
    if (stale) {
      return (
        <Alert color="blue" title="The server has a newer page" my="sm">
          <Anchor component="button" onClick={() => window.location.reload()}>
            Reload
          </Anchor>{" "}
          to get it.
        </Alert>
      );
    }
    return <Trouble error={this.state.error} retry={() => this.setState({ error: null })} />;
  }
}
