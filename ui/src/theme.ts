// How does it look? Quiet: greys, one accent, and colours only where they mean something.
import { type CSSVariablesResolver, createTheme, type MantineColorsTuple } from "@mantine/core";

const pine: MantineColorsTuple = [
  "#eaf6f5", "#d5ebe9", "#aad6d2", "#7cc0ba", "#56ada6", "#3da099", "#1f7d77", "#1a6a65", "#155853", "#0d4541",
]; // biome-ignore format: a scale reads as one line

/** The colours that mean something, by what they mean. */
export const MEANING = {
  good: "green",
  wait: "yellow",
  bad: "red",
  note: "blue",
  idle: "gray",
} as const;

export type Meaning = keyof typeof MEANING;

export const theme = createTheme({
  primaryColor: "pine",
  primaryShade: { light: 6, dark: 6 },
  colors: { pine },
  fontFamily: 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif',
  fontFamilyMonospace: 'ui-monospace, "SF Mono", "Cascadia Mono", "DejaVu Sans Mono", Consolas, monospace',
  fontSizes: { xs: "12px", sm: "13px", md: "14px", lg: "16px", xl: "19px" },
  defaultRadius: "sm",
  radius: { xs: "2px", sm: "4px", md: "6px", lg: "8px", xl: "12px" },
  headings: {
    fontWeight: "600",
    sizes: {
      h1: { fontSize: "19px" },
      h2: { fontSize: "16px" },
      h3: { fontSize: "14px" },
      h4: { fontSize: "13px" },
    },
  },
  cursorType: "pointer",
  respectReducedMotion: true,
  components: {
    Badge: { defaultProps: { tt: "none" } },
    Button: { defaultProps: { size: "xs" } },
    TextInput: { defaultProps: { size: "sm" } },
    PasswordInput: { defaultProps: { size: "sm" } },
    NumberInput: { defaultProps: { size: "sm" } },
    Textarea: { defaultProps: { size: "sm" } },
    Select: { defaultProps: { size: "sm" } },
    Table: { defaultProps: { verticalSpacing: 5, horizontalSpacing: "sm", highlightOnHover: true } },
    Tooltip: { defaultProps: { openDelay: 300, withArrow: true, multiline: true, maw: 360 } },
    Notification: { defaultProps: { closeButtonProps: { "aria-label": "Close" } } },
    Modal: {
      defaultProps: {
        centered: false,
        overlayProps: { backgroundOpacity: 0.35 },
        closeButtonProps: { "aria-label": "Close" },
      },
    },
    ActionIcon: { defaultProps: { variant: "subtle", color: "gray" } },
  },
});

/** Where Mantine's own colours are too faint to be read, in text and below white text. */
export const readable: CSSVariablesResolver = () => ({
  variables: {
    "--mantine-color-red-filled": "#c2232b",
    "--mantine-color-red-filled-hover": "#a61e25",
  },
  light: {
    "--mantine-color-error": "#c2232b",
    "--mantine-color-red-text": "#b52222",
    "--mantine-color-red-filled": "#c2232b",
    "--mantine-color-red-filled-hover": "#a61e25",
  },
  dark: {
    "--mantine-color-error": "#ff8787",
    "--mantine-color-red-text": "#ff8787",
    "--mantine-color-red-filled": "#c2232b",
    "--mantine-color-red-filled-hover": "#a61e25",
  },
});
