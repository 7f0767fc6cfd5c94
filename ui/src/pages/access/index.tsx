// Settings › Access: who may ask what, and with which proof?

import { useMe } from "@/api/hooks";
import { reaches } from "@/api/session";
import { PageHead } from "@/editor/PageHead";
import { Tabs } from "@/parts/Tabs";
import { Administrators } from "./Administrators";
import { OwnPassword } from "./OwnPassword";
import { Roles } from "./Roles";
import { Tokens } from "./Tokens";

export default function Access() {
  const me = useMe();
  const own = { path: "password", label: "Your password", view: <OwnPassword /> };
  const roles = { path: "roles", label: "Roles", view: <Roles /> };
  const tabs = reaches(me.data?.role, "admin")
    ? [
        { path: "administrators", label: "Administrators", view: <Administrators /> },
        { path: "tokens", label: "API tokens", view: <Tokens /> },
        roles,
        own,
      ]
    : [own, roles];
  return (
    <>
      <PageHead title="Access" intro="Who may use these pages, the API and the command line." />
      <Tabs base="/settings/access" tabs={tabs} />
    </>
  );
}
