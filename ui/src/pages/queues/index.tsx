// Settings › Virtual Queues: how much may be delivered at once, so that no kind of mail waits for another?
import { Objects } from "@/editor/Objects";

export default function Queues() {
  return (
    <Objects
      type="MtaVirtualQueue"
      path="/settings/queues"
      title="Virtual Queues"
      noun="virtual queue"
      intro="A share of the delivery capacity for some mail. A delivery schedule says into which queue its recipients go."
      columns={[
        { title: "Name", cell: (item) => String(item.name) },
        { title: "Deliveries at once", cell: (item) => String(item.threadsPerNode), number: true },
        { title: "Description", cell: (item) => String(item.description ?? "") },
      ]}
    />
  );
}
