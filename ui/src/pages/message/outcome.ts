// Which colour has what became of a recipient?

export const OUTCOME_COLOUR: Record<string, string> = {
  delivered: "green",
  deferred: "yellow",
  failed: "red",
  bounced: "red",
  expired: "red",
  cancelled: "gray",
  held: "orange",
  postponed: "gray",
  queued: "blue",
  unknown: "gray",
};
