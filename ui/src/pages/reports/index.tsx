// Settings › Reports: in whose name do we notify and report?
import { PageHead } from "@/editor/PageHead";
import { Single } from "@/editor/Single";
import { Tabs } from "@/parts/Tabs";

export default function Reports() {
  return (
    <>
      <PageHead title="Reports" />
      <Tabs
        base="/settings/reports"
        tabs={[
          {
            path: "dsn",
            label: "Notifications (DSN)",
            view: <Single type="DsnReportSettings" title="Notifications" />,
          },
          {
            path: "tls",
            label: "TLS reports",
            view: <Single type="TlsReportSettings" title="TLS reports" />,
          },
          { path: "all", label: "Both", view: <Single type="ReportSettings" title="Both" /> },
        ]}
      />
    </>
  );
}
