// Copies a text to the clipboard.
import { Button } from "@mantine/core";
import { useState } from "react";
import { report } from "@/shell/report";

/** Milliseconds for which it says that it has copied. */
const SAID_MS = 1_500;

export function Copy({ text, label = "Copy" }: { text: string; label?: string }) {
  const [copied, setCopied] = useState(false);
  const copy = () => {
    copyText(text)
      .then(() => {
        setCopied(true);
        setTimeout(() => setCopied(false), SAID_MS);
      })
      .catch((error) => report(error, "Copying"));
  };
  return (
    <Button variant="default" size="compact-xs" onClick={copy}>
      {copied ? "Copied" : label}
    </Button>
  );
}

/** The clipboard is only there over TLS and on loopback; the old way works elsewhere. */
async function copyText(text: string): Promise<void> {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea");
  area.value = text;
  document.body.append(area);
  area.select();
  const worked = document.execCommand("copy");
  area.remove();
  if (!worked)
    throw new Error("The browser does not let this page copy; select the text and copy it by hand.");
}
