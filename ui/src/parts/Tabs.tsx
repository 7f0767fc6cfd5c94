// Pages within a page, each with an address of its own.
import { Tabs as Row } from "@mantine/core";
import type { ReactNode } from "react";
import { Navigate, Route, Routes, useLocation, useNavigate } from "react-router";

export interface Tab {
  path: string;
  label: string;
  view: ReactNode;
}

export function Tabs({ base, tabs }: { base: string; tabs: Tab[] }) {
  const { pathname } = useLocation();
  const navigate = useNavigate();
  const rest = pathname.slice(base.length + 1);
  const open =
    tabs.find(({ path }) => rest === path || rest.startsWith(`${path}/`))?.path ?? tabs[0]?.path ?? null;
  return (
    <Row
      value={open}
      onChange={(path) => path && void navigate(`${base}/${path}`)}
      mb="md"
      activateTabWithKeyboard={false}
    >
      <Row.List>
        {tabs.map(({ path, label }) => (
          <Row.Tab key={path} value={path}>
            {label}
          </Row.Tab>
        ))}
      </Row.List>
      {tabs.map(({ path }) => (
        <Row.Panel key={path} value={path} pt="md">
          {path === open && (
            <Routes>
              <Route index element={<Navigate to={`${base}/${tabs[0]?.path ?? ""}`} replace />} />
              {tabs.map((tab) => (
                <Route key={tab.path} path={`${tab.path}/*`} element={tab.view} />
              ))}
              <Route path="*" element={<Navigate to={base} replace />} />
            </Routes>
          )}
        </Row.Panel>
      ))}
    </Row>
  );
}
