// Who is logged in, and how does one log in and out?
import { request } from "./jmap";

export type Role = "viewer" | "operator" | "router" | "admin";

export interface Me {
  name: string;
  role: Role;
  expiresAt?: string | null;
}

const ORDER: Role[] = ["viewer", "operator", "router", "admin"];

/** Whether `role` may do what `least` may. Only to show or hide; the server decides. */
export function reaches(role: Role | undefined, least: Role): boolean {
  return role !== undefined && ORDER.indexOf(role) >= ORDER.indexOf(least);
}

export const session = {
  me: () => request("GET", "/auth/me") as Promise<Me>,
  login: (name: string, password: string) =>
    request("POST", "/auth/login", { name, password }) as Promise<Me>,
  setup: (token: string, name: string, password: string) =>
    request("POST", "/auth/setup", { token, name, password }) as Promise<Me>,
  logout: () => request("POST", "/auth/logout", {}),
};
