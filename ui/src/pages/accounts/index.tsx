// Management › Accounts: who has a mailbox here?
import { Objects } from "@/editor/Objects";
import { read } from "@/forms/schema";
import { size } from "@/forms/words";

function members(value: unknown): string {
  return (read({ kind: "set", item: { kind: "address" } }, value as never) as string[]).join(", ");
}

export default function Accounts() {
  return (
    <Objects
      type="Account"
      path="/accounts"
      title="Accounts"
      noun="account"
      intro="Who has a mailbox here, and may submit mail with a password. They do not log in to these pages: administrators do, under Access."
      columns={[
        { title: "Address", cell: (item) => String(item.name) },
        { title: "Aliases", cell: (item) => <span className="mono">{members(item.aliases)}</span> },
        { title: "Password", cell: (item) => (item.secret ? "set" : <span className="dim">none</span>) },
        {
          title: "Quota",
          cell: (item) => (item.quota ? size(Number(item.quota)) : ""),
          number: true,
          wide: true,
        },
        { title: "Description", cell: (item) => String(item.description ?? ""), wide: true },
      ]}
    />
  );
}
