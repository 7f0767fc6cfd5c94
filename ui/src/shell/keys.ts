// Which keys do something everywhere?
import { useEffect, useRef } from "react";
import { useNavigate } from "react-router";
import { PAGES } from "./menu";

/** Milliseconds in which the second key of `g q` must follow. */
const JUMP_MS = 1_500;

/** Whether what is typed now belongs to a field. */
export function typing(target: EventTarget | null): boolean {
  const element = target as HTMLElement | null;
  if (!element?.closest) return false;
  return (
    element.closest("input, textarea, select, [contenteditable=true], [role=textbox], .cm-editor") !== null
  );
}

/** `g q` jumps, `/` searches, `?` helps, Ctrl-K opens the palette. */
export function useKeys(open: { palette: () => void; help: () => void }) {
  const navigate = useNavigate();
  const jump = useRef(0);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
        event.preventDefault();
        open.palette();
        return;
      }
      if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
      if (document.querySelector("[role=dialog]")) return;
      if (Date.now() - jump.current < JUMP_MS) {
        jump.current = 0;
        const page = PAGES.find((one) => one.key === event.key);
        if (page) {
          event.preventDefault();
          void navigate(page.path);
          return;
        }
      }
      if (event.key === "g") jump.current = Date.now();
      else if (event.key === "?") open.help();
      else if (event.key === "/") {
        event.preventDefault();
        search(open.palette);
      }
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, [navigate, open]);
}

/** To the page's own search field (marked `data-search`), or else to the palette. */
function search(palette: () => void) {
  const field = document.querySelector<HTMLInputElement>("main [data-search]");
  if (field) {
    field.focus();
    field.select?.();
  } else palette();
}
