// What each role may do, in words.
import type { Role } from "@/api/session";

export const ROLES: { role: Role; may: string }[] = [
  { role: "viewer", may: "See everything but secrets: queue, history, settings, audit." },
  { role: "operator", may: "Also act on the queue: retry, hold, release, reroute, cancel, pause." },
  { role: "router", may: "Also change settings that say where mail goes, restore revisions, test routes." },
  {
    role: "admin",
    may: "Everything: also administrators, tokens, accounts and their passwords, system settings.",
  },
];

export const ROLE_CHOICE = ROLES.map(({ role }) => ({ value: role, label: role }));
