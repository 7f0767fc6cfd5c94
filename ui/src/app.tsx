// What is shown: the door, or the pages?
import { useEffect } from "react";
import { useLocation } from "react-router";
import { useMe } from "@/api/hooks";
import { onLoggedOut } from "@/api/jmap";
import type { Me } from "@/api/session";
import { client } from "./shell/client";
import { Login, Setup } from "./shell/Login";
import { Shell } from "./shell/Shell";
import { Trouble } from "./shell/Trouble";

/** The whole application. */
export function App() {
  const me = useMe();
  const { pathname } = useLocation();
  useEffect(() => onLoggedOut(() => client.setQueryData(["me"], null)), []);
  const enter = (who: Me) => {
    void client.invalidateQueries();
    client.setQueryData(["me"], who);
  };
  if (pathname === "/setup") {
    return (
      <Setup
        onIn={() => {
          window.location.assign("/");
        }}
      />
    );
  }
  if (me.data) return <Shell me={me.data} />;
  if (me.data === null) return <Login onIn={enter} />;
  if (me.error) {
    return (
      <main className="door">
        <Trouble error={me.error} retry={() => void me.refetch()} />
      </main>
    );
  }
  return <div className="loading" role="status" aria-label="Loading" />;
}
