// In which groups are the fields of a large object shown? What no group names comes last.
import type { Property } from "./schema";

export interface Section {
  title: string | null;
  properties: Property[];
}

const SECTIONS: Record<string, [string, string[]][]> = {
  "MtaRoute/Relay": [
    ["Where", ["address", "port", "addresses", "socket", "lookup", "ipLookupStrategy", "protocol"]],
    ["Security", ["implicitTls", "requireTls", "allowInvalidCerts", "clientCertificate", "clientKey"]],
    ["Authentication", ["authUsername", "authSecret", "authMechanism", "allowPlaintextAuth"]],
    ["Load", ["maxConnections"]],
  ],
  "MtaRoute/Mx": [["Hosts", ["ipLookupStrategy", "maxMxHosts", "maxMultihomed"]]],
  MtaConnectionStrategy: [
    ["From", ["ehloHostname", "sourceIps", "sourceSelection"]],
    [
      "Patience",
      ["connectTimeout", "greetingTimeout", "ehloTimeout", "mailFromTimeout", "rcptToTimeout", "dataTimeout"],
    ],
  ],
  MtaTlsStrategy: [
    ["Demands", ["dane", "mtaSts", "startTls", "allowInvalidCerts"]],
    ["Patience", ["tlsTimeout", "mtaStsTimeout"]],
  ],
  DkimSignature: [
    ["Whose", ["domain", "selector", "key"]],
    ["How", ["headers", "oversign", "canonicalization", "expire", "enable"]],
  ],
};

/** The properties of a variant in groups, in order. */
export function sections(object: string, variant: string | null, properties: Property[]): Section[] {
  const groups = SECTIONS[variant ? `${object}/${variant}` : object] ?? [];
  const named = new Set(groups.flatMap(([, names]) => names));
  const rest = properties.filter(({ name }) => !named.has(name));
  const found = groups.map(([title, names]) => ({
    title,
    properties: names.flatMap((name) => properties.filter((property) => property.name === name)),
  }));
  return [{ title: null, properties: rest }, ...found].filter((section) => section.properties.length > 0);
}
