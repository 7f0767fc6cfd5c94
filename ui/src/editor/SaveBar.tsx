// Save or discard: with a comment, and on trial if one is not sure.
import { Button, Select, Text, TextInput } from "@mantine/core";
import { useEffect, useState } from "react";
import type { Wishes } from "./changes";
import { useTrial } from "./trial";
import "./editor.css";

const MINUTE = 60_000;
const TRIALS: [string, string][] = [
  ["0", "for good"],
  [String(2 * MINUTE), "on trial for 2 min"],
  [String(10 * MINUTE), "on trial for 10 min"],
  [String(60 * MINUTE), "on trial for 1 h"],
];

/** Where it goes back by itself while somebody's change is on trial: a change for good is refused then. */
const TRIAL_DURING_TRIAL = String(10 * MINUTE);

interface Props {
  changes: number;
  busy: boolean;
  faulty?: boolean;
  isNew?: boolean;
  onSave: (wishes: Wishes) => Promise<boolean>;
  onDiscard: () => void;
}

export function SaveBar({ changes, busy, faulty = false, isNew = false, onSave, onDiscard }: Props) {
  const trial = useTrial();
  const [comment, setComment] = useState("");
  const [within, setWithin] = useState<string | null>(null);
  const chosen = within ?? (trial ? TRIAL_DURING_TRIAL : "0");
  const save = () => {
    void onSave({ comment: comment.trim(), confirmWithin: Number(chosen) || null }).then((saved) => {
      if (saved) {
        setComment("");
        setWithin(null);
      }
    });
  };
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "s") {
        event.preventDefault();
        if (changes > 0 && !busy) save();
      }
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  });
  if (changes === 0 && !isNew) return null;
  return (
    <form
      className="savebar"
      aria-label="Unsaved changes"
      onSubmit={(event) => {
        event.preventDefault();
        save();
      }}
    >
      <Text size="sm" fw={500} className="savebar-count">
        {isNew ? "Not saved yet" : changes === 1 ? "1 change" : `${changes} changes`}
        {faulty && (
          <Text span size="sm" c="red" fw={400}>
            {" "}
            · refused, see above
          </Text>
        )}
      </Text>
      <TextInput
        size="xs"
        className="savebar-comment"
        placeholder="Why? For those who read the revisions later"
        aria-label="Comment"
        value={comment}
        maxLength={1000}
        onChange={(event) => setComment(event.currentTarget.value)}
      />
      <Select
        size="xs"
        className="savebar-trial"
        aria-label="For good or on trial"
        data={TRIALS.map(([value, text]) => ({ value, label: text }))}
        value={chosen}
        onChange={(next) => setWithin(next)}
        allowDeselect={false}
      />
      <Button variant="default" onClick={onDiscard} disabled={busy}>
        Discard
      </Button>
      <Button type="submit" loading={busy}>
        {isNew ? "Create" : "Save"}
      </Button>
      {chosen !== "0" && (
        <Text size="xs" c="dimmed" className="savebar-note">
          In force at once; unless you confirm it in time, everything goes back as it was.
        </Text>
      )}
    </form>
  );
}
