// On which page is an object of a type shown?

const PLACES: Record<string, string> = {
  MtaRoute: "/settings/routes",
  MtaOutboundStrategy: "/settings/strategy",
  MtaDeliverySchedule: "/settings/schedules",
  MtaVirtualQueue: "/settings/queues",
  MtaConnectionStrategy: "/settings/connection",
  MtaTlsStrategy: "/settings/tls",
  MtaOutboundThrottle: "/settings/limits/outbound",
  MtaInboundThrottle: "/settings/limits/inbound",
  MtaQueueQuota: "/settings/limits/quotas",
  DkimSignature: "/settings/dkim",
  DsnReportSettings: "/settings/reports/dsn",
  TlsReportSettings: "/settings/reports/tls",
  ReportSettings: "/settings/reports/all",
  Domain: "/domains",
  Account: "/accounts",
};

/** The page of an object; what has no page of its own is under More. */
export function pathOfObject(type: string, id: string): string {
  const known = PLACES[type];
  if (!known) return `/settings/more/${type}/${id}`;
  return id === "singleton" ? known : `${known}/${id}`;
}

/** Types that have a page of their own. */
export function hasPage(type: string): boolean {
  return type in PLACES;
}
