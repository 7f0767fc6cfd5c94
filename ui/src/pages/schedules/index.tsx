// Settings › Delivery Schedules: when is a recipient tried again, and when do we give up?
import { useObjects } from "@/api/hooks";
import { Objects } from "@/editor/Objects";
import { isObject, type Json, numbered } from "@/forms/schema";
import { duration } from "@/forms/words";

/** The intervals of a fresh system, as the specification names them. */
const RETRY_DEFAULT = "2, 5, 10, 15, 30 min, 1, 2 h, 1, 3 d";
const NOTIFY_DEFAULT = "1 d, 3 d";

function intervals(value: unknown, standard: string): string {
  const json = value as Json;
  if (!isObject(json) || json["@type"] !== "Custom") return standard;
  const all = numbered(json.intervals ?? []).map((one) =>
    duration(Number(isObject(one) ? one.duration : one)),
  );
  return all.length === 0 ? "never" : all.join(", ");
}

function expiry(value: unknown): string {
  const json = value as Json;
  if (!isObject(json)) return "";
  return json["@type"] === "Attempts" ? `${json.maxAttempts} attempts` : duration(Number(json.expire));
}

export default function Schedules() {
  const queues = useObjects("MtaVirtualQueue", { staleMs: 30_000 });
  const queue = (id: unknown) => String(queues.data?.list.find((one) => one.id === id)?.name ?? id ?? "");
  return (
    <Objects
      type="MtaDeliverySchedule"
      path="/settings/schedules"
      title="Delivery Schedules"
      noun="schedule"
      intro="When a recipient is tried again, when the sender is told of a delay, and when we give up. The strategy's schedule expression yields the name."
      columns={[
        { title: "Name", cell: (item) => String(item.name) },
        { title: "Virtual queue", cell: (item) => <span className="mono">{queue(item.queueId)}</span> },
        { title: "Tries again after", cell: (item) => intervals(item.retry, RETRY_DEFAULT) },
        {
          title: "Tells the sender after",
          cell: (item) => intervals(item.notify, NOTIFY_DEFAULT),
          wide: true,
        },
        { title: "Gives up after", cell: (item) => expiry(item.expiry) },
        { title: "Description", cell: (item) => String(item.description ?? ""), wide: true },
      ]}
    />
  );
}
