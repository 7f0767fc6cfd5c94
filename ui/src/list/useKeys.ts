// Which key does what on a page? Nothing while a person types or a dialog is open.

import { useEffect, useRef } from "react";
import { typing } from "@/shell/keys";

export type Keys = ReadonlyMap<string, (event: KeyboardEvent) => void>;

/** Listens for single keys, named as `KeyboardEvent.key` names them. */
export function useKeys(keys: Keys): void {
  const current = useRef(keys);
  current.current = keys;
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || inField(event.target))
        return;
      if (document.querySelector('[role="dialog"]') !== null) return;
      const act = current.current.get(event.key);
      if (act === undefined) return;
      event.preventDefault();
      act(event);
    };
    document.addEventListener("keydown", pressed);
    return () => document.removeEventListener("keydown", pressed);
  }, []);
}

/** A check box is no field: keys go on working after a click on it. */
function inField(target: EventTarget | null): boolean {
  if (target instanceof HTMLInputElement && ["checkbox", "radio"].includes(target.type)) return false;
  return typing(target);
}
