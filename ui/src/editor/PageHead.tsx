// The head of a page: where one is, what it is for, what can be done.
import { Anchor, Group, Text } from "@mantine/core";
import type { ReactNode } from "react";
import { Link } from "react-router";
import "./editor.css";

interface Props {
  title: ReactNode;
  up?: { to: string; label: string };
  intro?: ReactNode;
  actions?: ReactNode;
}

export function PageHead({ title, up, intro, actions }: Props) {
  return (
    <header className="pagehead">
      <Group justify="space-between" align="flex-start" gap="xs" wrap="wrap">
        <h1>
          {up && (
            <>
              <Anchor component={Link} to={up.to} inherit underline="always">
                {up.label}
              </Anchor>
              <span className="dim"> › </span>
            </>
          )}
          {title}
        </h1>
        {actions && <Group gap="xs">{actions}</Group>}
      </Group>
      {intro && (
        <Text size="sm" c="dimmed" className="pagehead-intro">
          {intro}
        </Text>
      )}
    </header>
  );
}
