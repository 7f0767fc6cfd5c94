// Management › Domains: whose mail do we take?
import { Objects } from "@/editor/Objects";
import { read } from "@/forms/schema";

function members(value: unknown): string {
  return (read({ kind: "set", item: { kind: "domain" } }, value as never) as string[]).join(", ");
}

export default function Domains() {
  return (
    <Objects
      type="Domain"
      path="/domains"
      title="Domains"
      noun="domain"
      intro="Domains whose mail we take. An expression asks is_local_domain(rcpt_domain) for them."
      empty="None yet: mail is taken for nobody. Make one, then an account in it."
      columns={[
        { title: "Domain", cell: (item) => String(item.name) },
        { title: "Aliases", cell: (item) => <span className="mono">{members(item.aliases)}</span> },
        {
          title: "Catch-all",
          cell: (item) => <span className="mono">{String(item.catchAllAddress ?? "")}</span>,
        },
        { title: "Relayed for", cell: (item) => (item.allowRelaying ? "yes" : ""), wide: true },
        { title: "Description", cell: (item) => String(item.description ?? ""), wide: true },
      ]}
    />
  );
}
