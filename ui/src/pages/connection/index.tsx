// Settings › Connection Strategies: from which address, under which name and with how much patience do we connect?
import { Objects } from "@/editor/Objects";
import { isObject, type Json, numbered } from "@/forms/schema";
import { duration } from "@/forms/words";

function sources(value: unknown): string {
  const all = numbered((value ?? []) as Json).map((one) =>
    isObject(one) ? String(one.sourceIp) : String(one),
  );
  return all.length === 0 ? "the system chooses" : all.join(", ");
}

export default function Connection() {
  return (
    <Objects
      type="MtaConnectionStrategy"
      path="/settings/connection"
      title="Connection Strategies"
      noun="connection strategy"
      intro="From which address, under which name and with how much patience a host is contacted. The strategy's connection expression yields the name."
      columns={[
        { title: "Name", cell: (item) => String(item.name) },
        {
          title: "Source addresses",
          cell: (item) => <span className="mono">{sources(item.sourceIps)}</span>,
        },
        {
          title: "EHLO",
          cell: (item) => <span className="mono">{String(item.ehloHostname ?? "the host name")}</span>,
        },
        { title: "Connect", cell: (item) => duration(Number(item.connectTimeout)), number: true },
        { title: "Description", cell: (item) => String(item.description ?? ""), wide: true },
      ]}
    />
  );
}
