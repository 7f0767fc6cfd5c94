// How are names, durations and sizes written for people, and read from them?
import { isObject, type Json, MASK } from "./schema";

/** Words that are not simply lower case. */
const WORDS: Record<string, string> = {
  mx: "MX", tls: "TLS", ip: "IP", ips: "IPs", dns: "DNS", smtp: "SMTP", lmtp: "LMTP", ehlo: "EHLO", dkim: "DKIM",
  spf: "SPF", dmarc: "DMARC", arc: "ARC", dane: "DANE", dsn: "DSN", url: "URL", id: "", certs: "certificates",
  auth: "AUTH", max: "most", rcpt: "RCPT", srv: "SRV", expn: "EXPN", vrfy: "VRFY", mtasts: "MTA-STS", starttls: "STARTTLS",
  ttl: "TTL", otel: "OpenTelemetry", mt: "MT", api: "API",
}; // biome-ignore format: a table

/** Properties whose name alone does not say what they are. */
const LABELS: Record<string, string> = {
  "@type": "Kind",
  mtaSts: "MTA-STS",
  mtaStsTimeout: "MTA-STS timeout",
  startTls: "STARTTLS",
  implicitTls: "TLS from the first byte",
  requireTls: "TLS is required",
  allowInvalidCerts: "Accept invalid certificates",
  allowPlaintextAuth: "Password without TLS",
  authUsername: "User name",
  authSecret: "Password",
  authMechanism: "AUTH mechanism",
  maxMxHosts: "MX hosts tried",
  maxMultihomed: "Addresses tried of a host",
  ipLookupStrategy: "Addresses",
  maxConnections: "Deliveries at once",
  addresses: "More hosts",
  socket: "Unix socket",
  lookup: "DNS lookup",
  queueId: "Virtual queue",
  threadsPerNode: "Deliveries at once",
  sourceIps: "Source addresses",
  sourceIp: "Address",
  ehloHostname: "Name in EHLO",
  mailFromTimeout: "Timeout of MAIL FROM",
  rcptToTimeout: "Timeout of RCPT TO",
  dataTimeout: "Timeout of DATA",
  connectTimeout: "Timeout of connecting",
  greetingTimeout: "Timeout of the greeting",
  ehloTimeout: "Timeout of EHLO",
  tlsTimeout: "Timeout of TLS",
  retry: "Try again after",
  notify: "Tell the sender after",
  notifyFrom: "Delays counted from",
  expiry: "Give up",
  maxAttempts: "Attempts",
  expire: "After",
  key: "Counted by",
  match: "Applies if",
  rate: "Rate",
  enable: "In force",
  else: "Value",
  catchAllAddress: "Catch-all address",
  allowRelaying: "Relay for it",
  defaultHostname: "Host name",
  defaultDomain: "Domain",
  poolMaxConnections: "Connections at most",
  maxReportSize: "Largest report",
  mtPriority: "MT-PRIORITY",
  secret: "Password",
};

/** What means something else in one type than in the others. */
const OF_TYPE: Record<string, string> = {
  "DkimSignature.key": "Private key",
  "DkimSignature.expire": "Signature holds for",
  "Account.quota": "Mailbox holds at most",
  "WebHook.secret": "Secret of the signature",
  "MtaQueueQuota.size": "Size at most",
  "MtaQueueQuota.messages": "Messages at most",
};

/** A property's name for people: `Timeout of EHLO`. */
export function label(name: string, object = ""): string {
  const known = OF_TYPE[`${object}.${name}`] ?? LABELS[name];
  if (known) return known;
  const parts = name.replace(/([a-z0-9])([A-Z])/g, "$1 $2").split(/[ _]/);
  const words = parts.map((part) => WORDS[part.toLowerCase()] ?? part.toLowerCase()).filter(Boolean);
  const text = words.join(" ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

const UNITS: [string, number, RegExp][] = [
  ["d", 86_400_000, /^d(ays?)?$/],
  ["h", 3_600_000, /^h(ours?)?$/],
  ["min", 60_000, /^m(in(utes?)?)?$/],
  ["s", 1_000, /^s(ec(onds?)?)?$/],
  ["ms", 1, /^ms$/],
];

/** `5 min`, `1 h 30 min`. */
export function duration(ms: number): string {
  if (ms === 0) return "0 s";
  let left = Math.round(ms);
  const parts: string[] = [];
  for (const [unit, size] of UNITS) {
    const count = Math.floor(left / size);
    left -= count * size;
    if (count > 0) parts.push(`${count} ${unit}`);
  }
  return parts.join(" ");
}

/** The milliseconds of `5m`, `1 h 30 min`, `90s`; null if it is none. A bare number has no unit and is none. */
export function parseDuration(text: string): number | null {
  const parts = [
    ...text
      .trim()
      .toLowerCase()
      .matchAll(/(\d+(?:\.\d+)?)\s*([a-z]+)\s*/gy),
  ];
  if (parts.length === 0 || parts.map(([all]) => all).join("") !== text.trim().toLowerCase()) return null;
  let total = 0;
  for (const [, count, name] of parts) {
    const unit = UNITS.find(([, , words]) => words.test(name ?? ""));
    if (!unit) return null;
    total += Number(count) * unit[1];
  }
  return Math.round(total);
}

const SIZES: [string, number][] = [
  ["TiB", 1024 ** 4],
  ["GiB", 1024 ** 3],
  ["MiB", 1024 ** 2],
  ["KiB", 1024],
];

/** `25 MiB`; exact, so `1,500 bytes` stays. */
export function size(bytes: number): string {
  for (const [unit, factor] of SIZES)
    if (bytes > 0 && bytes % factor === 0) return `${bytes / factor} ${unit}`;
  return `${bytes.toLocaleString("en")} bytes`;
}

/** The bytes of `25 MiB`, `10 MB`, `1500`; null if it is none. */
export function parseSize(text: string): number | null {
  const found = text
    .trim()
    .replaceAll(",", "")
    .match(/^(\d+(?:\.\d+)?)\s*(bytes?|b|[kmgt]i?b?)?$/i);
  if (!found) return null;
  const unit = (found[2] ?? "b").toLowerCase();
  const power = "bkmgt".indexOf(unit.charAt(0));
  const base = unit.length === 2 && power > 0 && unit.endsWith("b") ? 1000 : 1024;
  return Math.round(Number(found[1]) * base ** Math.max(power, 0));
}

/** A value in a few words, for lists of changes. */
export function short(value: Json): string {
  if (value === null) return "not set";
  if (value === MASK) return "a secret";
  if (typeof value === "string") return value === "" ? "empty" : value;
  if (typeof value !== "object") return String(value);
  if (Array.isArray(value)) return value.length === 0 ? "none" : value.map(short).join(", ");
  if ("else" in value && isObject(value)) {
    const branches = Array.isArray(value.match) ? value.match.length : 0;
    return branches === 0
      ? short(value.else ?? null)
      : `${branches} branch${branches === 1 ? "" : "es"}, else ${short(value.else ?? null)}`;
  }
  const parts = Object.entries(value).filter(([, part]) => part !== null);
  return parts.map(([name, part]) => (name === "@type" ? short(part) : `${name} ${short(part)}`)).join(" · ");
}
