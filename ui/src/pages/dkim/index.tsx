// Settings › DKIM: with which keys is our mail signed, and does DNS have their other halves?
import { Objects } from "@/editor/Objects";
import { NewKey } from "./NewKey";
import { Record, useKeys } from "./Record";

export default function Dkim() {
  const keys = useKeys();
  const of = (name: unknown) => keys.data?.list.find((key) => key.id === name);
  return (
    <Objects
      type="DkimSignature"
      path="/settings/dkim"
      title="DKIM"
      noun="signature"
      intro="Keys with which the mail of a domain is signed. A domain may have up to four; each enabled one gives a signature."
      empty="None yet: our mail is not signed. Make a key, publish its record, then save."
      columns={[
        { title: "Name", cell: (item) => String(item.name) },
        { title: "Domain", cell: (item) => <span className="mono">{String(item.domain)}</span> },
        { title: "Selector", cell: (item) => <span className="mono">{String(item.selector)}</span> },
        { title: "Key", cell: (item) => of(item.name)?.algorithm ?? "", wide: true },
        {
          title: "In DNS",
          cell: (item) => {
            const key = of(item.name);
            if (!item.enable) return <span className="dim">not enabled</span>;
            if (!key) return keys.isPending ? <span className="dim">asking…</span> : "";
            return (
              <span
                className="status"
                data-state={key.published ? "good" : "bad"}
                title={key.trouble ?? undefined}
              >
                {key.published ? "published" : (key.trouble ?? "no")}
              </span>
            );
          },
        },
      ]}
      editor={{
        before: (context) => (context.id === null ? <NewKey context={context} /> : null),
        aside: (context) =>
          context.id === null ? null : <Record name={String(context.editor.saved?.name ?? "")} />,
      }}
    />
  );
}
