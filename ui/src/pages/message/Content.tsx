// The content of a queued message: as a file, or its beginning to read. It is only ever shown as text.

import { Button, Group } from "@mantine/core";
import { useState } from "react";
import { requestProblem } from "@/api/errors";
import { HEADERS } from "@/api/jmap";
import { ForeignLines } from "@/foreign/Foreign";
import { report } from "@/shell/report";

/** Bytes of the content that are read to be shown. */
const SHOWN_BYTES = 64 * 1024;
/** The one account that JMAP knows here. */
const ACCOUNT = "a";

export function Content({ blobId, id }: { blobId: string; id: string }) {
  const [text, setText] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const run = async (act: (blob: Blob) => void | Promise<void>) => {
    setBusy(true);
    try {
      await act(await fetched(blobId));
    } catch (error) {
      report(error, "Reading the content");
    }
    setBusy(false);
  };
  const show = async (blob: Blob) => {
    const bytes = await blob.slice(0, SHOWN_BYTES).arrayBuffer();
    const left = blob.size - bytes.byteLength;
    const shown = new TextDecoder("utf-8", { fatal: false }).decode(bytes);
    setText(left > 0 ? `${shown}\n… ${left.toLocaleString("en")} more bytes: download it` : shown);
  };
  return (
    <>
      <Group gap={6}>
        <Button
          size="compact-sm"
          variant="default"
          loading={busy}
          onClick={() => void run((blob) => save(blob, `${id}.eml`))}
        >
          Download content
        </Button>
        <Button
          size="compact-sm"
          variant="default"
          loading={busy}
          aria-expanded={text !== null}
          onClick={() => (text === null ? void run(show) : setText(null))}
        >
          {text === null ? "Show source" : "Hide source"}
        </Button>
      </Group>
      {text !== null && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and the keyboard must be able to
        <div className="source" role="region" aria-label="Source of the message" tabIndex={0}>
          <ForeignLines text={text} max={SHOWN_BYTES * 2} />
        </div>
      )}
    </>
  );
}

async function fetched(blobId: string): Promise<Blob> {
  const path = `/jmap/download/${ACCOUNT}/${encodeURIComponent(blobId)}/message.eml`;
  const response = await fetch(path, { credentials: "same-origin", headers: HEADERS });
  if (!response.ok) throw requestProblem(response.status, await response.json().catch(() => null));
  return response.blob();
}

function save(blob: Blob, name: string): void {
  const url = URL.createObjectURL(new Blob([blob], { type: "application/octet-stream" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}
