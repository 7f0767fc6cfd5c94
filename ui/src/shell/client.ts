// The one cache of what the server has answered.
import { newClient } from "@/api/hooks";

export const client = newClient();
