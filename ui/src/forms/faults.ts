// Which field does an error of the server belong to?
import { type SetError, setErrorText } from "@/api/errors";

/** One thing that is wrong, and with which field: a path such as `["retry", "intervals", "0"]`. */
export interface Fault {
  path: string[];
  message: string;
  hint?: string;
}

/** A path as the server writes it, with slashes or points, in its parts. */
export function pathOf(text: string): string[] {
  return text.split(/[./]/).filter((part) => part !== "" && part !== "singleton");
}

/** The faults of a SetError by field; what names no field comes first with an empty path. */
export function faultsOf(error: SetError): Fault[] {
  const faults: Fault[] = (error.validationErrors ?? []).map((one) => ({
    path: pathOf(one.property),
    message: one.message ?? one.description ?? validationText(one.type, one.value ?? one.required),
    ...(one.hint ? { hint: one.hint } : {}),
  }));
  if (faults.length > 0) return faults;
  const message = setErrorText(error);
  if (error.type === "primaryKeyViolation")
    return [{ path: pathOf(error.properties?.[0] ?? "name"), message }];
  const paths = error.properties ?? [];
  if (paths.length === 0) return [{ path: [], message }];
  return paths.map((path) => ({ path: pathOf(path), message }));
}

function validationText(type: string, value: unknown): string {
  const texts: Record<string, string> = {
    Required: "This must be given.",
    MaxLength: `This is too long; at most ${value}.`,
    MinLength: `This is too short; at least ${value}.`,
    MaxValue: `This is too large; at most ${value}.`,
    MinValue: `This is too small; at least ${value}.`,
  };
  return texts[type] ?? "This value is not accepted.";
}

/** The faults at or below a field, with the rest of their path. */
export function below(faults: Fault[], name: string): Fault[] {
  return faults
    .filter(({ path }) => path[0] === name)
    .map((fault) => ({ ...fault, path: fault.path.slice(1) }));
}

/** What is to stand at the field itself. */
export function messages(faults: Fault[]): string | null {
  const here = faults.filter(({ path }) => path.length === 0);
  if (here.length === 0) return null;
  return here.map(({ message, hint }) => (hint ? `${message} ${hint}` : message)).join(" ");
}
