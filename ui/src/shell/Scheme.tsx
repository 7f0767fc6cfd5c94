// Light, dark, or as the system is.
import { ActionIcon, type MantineColorScheme, useMantineColorScheme } from "@mantine/core";

const NEXT: Record<MantineColorScheme, MantineColorScheme> = { auto: "light", light: "dark", dark: "auto" };
const SIGN: Record<MantineColorScheme, string> = { auto: "◐", light: "○", dark: "●" };

/** One button that goes round. */
export function SchemeChoice() {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const next = NEXT[colorScheme];
  return (
    <ActionIcon
      onClick={() => setColorScheme(next)}
      aria-label={`Colours: ${colorScheme}. Change to ${next}`}
      title={`Colours: ${colorScheme === "auto" ? "as the system" : colorScheme}`}
    >
      {SIGN[colorScheme]}
    </ActionIcon>
  );
}
