// The shapes of `x:Explanation/get`.

import type { Explained } from "@/decision/types";

export type HostReport = {
  name: string;
  origin: string;
  addresses: string[];
  port: number;
  protocol: string;
  tls: string;
  tlsBecause: string;
  username: string | null;
  tlsStrategy: Explained | null;
  connectionStrategy: Explained | null;
  trouble: string | null;
  source?: string | null;
};

export type Report = {
  from: string;
  to: string;
  authenticatedAs: string | null;
  clientIp: string | null;
  accepted: boolean;
  refusal: string | null;
  forwardPath: string;
  retryNum: number;
  schedule: Explained | null;
  scheduleSays: string | null;
  retryTimes?: string[] | null;
  route: Explained | null;
  nextHop: string | null;
  hosts: HostReport[];
  trouble: string | null;
  wouldWrite: string[];
};
