// Settings for the tests: one local domain, quick retries, and the routes that a test adds.
// @ts-check

export const ANN = "ann@here.test";

/**
 * @param {{ routes?: Record<string, unknown>[], branches?: { if: string, then: string }[], otherwise?: string,
 *   retryMs?: number[], threads?: number, objects?: Record<string, unknown> }} [more]
 */
export function settings({
  routes = [],
  branches = [],
  otherwise = "'mx'",
  retryMs = [1_000],
  threads = 25,
  objects,
} = {}) {
  return {
    SystemSettings: { defaultHostname: "mx.here.test", defaultDomain: "here.test" },
    Domain: [{ name: "here.test" }],
    Account: [
      { name: ANN, aliases: ["postmaster@here.test"] },
      { name: "sender@here.test", secret: "open sesame 17" },
    ],
    MtaRoute: [{ "@type": "Local", name: "local" }, { "@type": "Mx", name: "mx" }, ...routes],
    MtaVirtualQueue: [{ name: "quick", threadsPerNode: threads }],
    MtaDeliverySchedule: [
      {
        name: "quick",
        queueId: "quick",
        retry: { "@type": "Custom", intervals: retryMs.map((duration) => ({ duration })) },
        notify: { "@type": "Custom", intervals: [{ duration: 86_400_000 }] },
        expiry: { "@type": "Ttl", expire: 432_000_000 },
      },
    ],
    MtaOutboundStrategy: {
      route: {
        match: [{ if: "is_local_domain(rcpt_domain)", then: "'local'" }, ...branches],
        else: otherwise,
      },
      schedule: { else: "'quick'" },
    },
    ...objects,
  };
}

/**
 * A Relay route to a peer on this machine.
 *
 * @param {string} name
 * @param {number} port
 * @param {Record<string, unknown>} [more]
 */
export function relay(name, port, more = {}) {
  return { "@type": "Relay", name, address: "127.0.0.1", port, ...more };
}

/**
 * The branch that sends one recipient domain by a route.
 *
 * @param {string} domain
 * @param {string} route
 */
export function branch(domain, route) {
  return { if: `rcpt_domain == '${domain}'`, then: `'${route}'` };
}
