// Which pages are there, where in the menu, and by which keys does one get to them?
import { type ComponentType, type LazyExoticComponent, lazy } from "react";
import type { Role } from "@/api/session";

export interface Page {
  /** Where it lives; it owns everything below this path. */
  path: string;
  label: string;
  /** The lines of the menu above it, such as `["Settings", "MTA › Outbound"]`. */
  section: [string] | [string, string];
  /** The key after `g` that leads here. */
  key?: string;
  /** More words by which the palette finds it. */
  words?: string;
  /** The least role to whom it is of use. */
  role?: Role;
  View: LazyExoticComponent<ComponentType>;
}

type Loader = () => Promise<{ default: ComponentType }>;

function page(
  path: string,
  label: string,
  section: Page["section"],
  load: Loader,
  more: Partial<Page> = {},
): Page {
  return { path, label, section, View: lazy(load), ...more };
}

const OUTBOUND: [string, string] = ["Settings", "MTA › Outbound"];

/** The menu, from top to bottom. */
export const PAGES: Page[] = [
  page("/overview", "Overview", ["Management"], () => import("@/pages/overview"), { key: "o" }),
  page("/queue", "Queued", ["Management", "Emails"], () => import("@/pages/queue"), {
    key: "q",
    words: "queue mail waiting deferred hold retry cause",
  }),
  page("/history", "History", ["Management", "Emails"], () => import("@/pages/history"), {
    key: "h",
    words: "delivered bounced log trace what happened",
  }),
  page("/explain", "Explain", ["Management"], () => import("@/pages/explain"), {
    key: "x",
    words: "why test decision plan what if",
  }),
  page("/domains", "Domains", ["Management"], () => import("@/pages/domains"), { key: "d" }),
  page("/accounts", "Accounts", ["Management"], () => import("@/pages/accounts"), {
    key: "a",
    words: "users mailboxes password",
  }),
  page("/audit", "Audit", ["Management"], () => import("@/pages/audit"), {
    key: "u",
    words: "who changed log",
  }),
  page("/settings/strategy", "Strategy", OUTBOUND, () => import("@/pages/strategy"), {
    key: "s",
    words: "expressions branches routing rules outbound",
  }),
  page("/settings/routes", "Routes", OUTBOUND, () => import("@/pages/routes"), {
    key: "r",
    words: "relay smarthost mx local next hop test",
  }),
  page("/settings/schedules", "Delivery Schedules", OUTBOUND, () => import("@/pages/schedules"), {
    words: "retry intervals expiry notify",
  }),
  page("/settings/queues", "Virtual Queues", OUTBOUND, () => import("@/pages/queues"), {
    words: "threads concurrency",
  }),
  page("/settings/connection", "Connection Strategies", OUTBOUND, () => import("@/pages/connection"), {
    words: "source ip ehlo timeouts",
  }),
  page("/settings/tls", "TLS Strategies", OUTBOUND, () => import("@/pages/tls"), {
    words: "dane mta-sts starttls certificates",
  }),
  page("/settings/limits", "Rates & Quotas", ["Settings"], () => import("@/pages/limits"), {
    key: "l",
    words: "throttle limit inbound outbound queue quota",
  }),
  page("/settings/dkim", "DKIM", ["Settings"], () => import("@/pages/dkim"), {
    key: "k",
    words: "signature key dns record selector",
  }),
  page("/settings/reports", "Reports", ["Settings"], () => import("@/pages/reports"), {
    words: "dsn bounce tls report sender",
  }),
  page("/settings/access", "Access", ["Settings"], () => import("@/pages/access"), {
    key: "w",
    words: "administrators tokens roles api password who may",
  }),
  page("/settings/more", "More", ["Settings"], () => import("@/pages/more"), {
    words: "system lookup store webhook history extensions sender authentication export import",
  }),
  page("/settings/revisions", "Revisions", ["Settings"], () => import("@/pages/revisions"), {
    key: "v",
    words: "undo restore diff versions history of settings",
  }),
];

/** The pages under their headings, in order. */
export function grouped(pages: Page[] = PAGES) {
  const groups: { title: string; parts: { title: string | null; pages: Page[] }[] }[] = [];
  for (const one of pages) {
    const [title, part = null] = one.section;
    let group = groups.at(-1);
    if (group?.title !== title) {
      group = { title, parts: [] };
      groups.push(group);
    }
    const last = group.parts.at(-1);
    if (last && last.title === part) last.pages.push(one);
    else group.parts.push({ title: part, pages: [one] });
  }
  return groups;
}

/** How well a page answers to what was typed: 0 if not at all. */
export function rank(one: Page, typed: string): number {
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
  const label = one.label.toLowerCase();
  const all = `${label} ${one.section.join(" ").toLowerCase()} ${one.words ?? ""}`;
  if (!words.every((word) => all.includes(word))) return 0;
  if (words.every((word) => label.startsWith(word))) return 3;
  return words.every((word) => label.includes(word)) ? 2 : 1;
}
