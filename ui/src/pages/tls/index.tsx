// Settings › TLS Strategies: how much security must a host offer?
import { Text } from "@mantine/core";
import { Objects } from "@/editor/Objects";

export default function Tls() {
  return (
    <Objects
      type="MtaTlsStrategy"
      path="/settings/tls"
      title="TLS Strategies"
      noun="TLS strategy"
      intro="How much transport security a host must offer. The strategy's TLS expression yields the name."
      columns={[
        { title: "Name", cell: (item) => String(item.name) },
        { title: "DANE", cell: (item) => String(item.dane) },
        { title: "MTA-STS", cell: (item) => String(item.mtaSts) },
        { title: "STARTTLS", cell: (item) => String(item.startTls) },
        {
          title: "Certificates",
          cell: (item) =>
            item.allowInvalidCerts ? (
              <Text span size="sm" c="red">
                any
              </Text>
            ) : (
              "must verify"
            ),
        },
        { title: "Description", cell: (item) => String(item.description ?? ""), wide: true },
      ]}
    />
  );
}
