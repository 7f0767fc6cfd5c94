// What is looked for in the audit log, as the address of the page has it?

const NAMES = ["text", "who", "method", "outcome", "since", "until"] as const;

/** The filter of `x:AuditEntry/query`; what is empty is not asked for. */
export function filterOf(params: URLSearchParams): Record<string, string> {
  return Object.fromEntries(
    NAMES.flatMap((name) => {
      const value = params.get(name)?.trim();
      return value ? [[name, value]] : [];
    }),
  );
}
