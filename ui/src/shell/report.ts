// How is a person told that something worked, or did not and what to do?
import { notifications } from "@mantine/notifications";
import { createElement, Fragment } from "react";
import { asProblem } from "@/api/errors";

const CLOSE = { "aria-label": "Close" };

/** Tells of a problem in plain words, with what to do. `during` says what was being done: `Saving the route`. */
export function report(error: unknown, during?: string) {
  const problem = asProblem(error);
  if (problem.kind === "login") return;
  notifications.show({
    id: `${problem.type}:${problem.message}`,
    color: "red",
    title: during ? `${during} did not work` : "That did not work",
    message: createElement(
      Fragment,
      null,
      createElement("div", null, problem.message),
      problem.advice ? createElement("div", { className: "dim" }, problem.advice) : null,
    ),
    autoClose: 12_000,
    closeButtonProps: CLOSE,
    withBorder: true,
  });
}

/** Tells that something is done. */
export function done(message: string, title?: string) {
  notifications.show({
    color: "pine",
    message,
    title,
    autoClose: 4_000,
    closeButtonProps: CLOSE,
    withBorder: true,
  });
}
