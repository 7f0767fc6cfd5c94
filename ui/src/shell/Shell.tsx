// The frame around every page: menu, who is logged in, and what all pages must tell.
import {
  ActionIcon,
  AppShell,
  Burger,
  Group,
  Kbd,
  Menu,
  NavLink,
  ScrollArea,
  Text,
  UnstyledButton,
} from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { Suspense, useEffect, useMemo } from "react";
import { Link, Navigate, Route, Routes, useLocation } from "react-router";
import { forget } from "@/api/hooks";
import { type Me, session } from "@/api/session";
import { client } from "./client";
import { Help } from "./Help";
import { useKeys } from "./keys";
import { grouped, PAGES } from "./menu";
import { Notices } from "./Notices";
import { Palette } from "./Palette";
import { SchemeChoice } from "./Scheme";
import { Boundary } from "./Trouble";

/** The page at the present path within the frame. */
export function Shell({ me }: { me: Me }) {
  const [menu, { toggle, close }] = useDisclosure(false);
  const [palette, paletteOpen] = useDisclosure(false);
  const [help, helpOpen] = useDisclosure(false);
  const location = useLocation();
  const open = useMemo(
    () => ({ palette: paletteOpen.open, help: helpOpen.open }),
    [paletteOpen.open, helpOpen.open],
  );
  useKeys(open);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the menu closes when the page changes
  useEffect(close, [location.pathname]);
  return (
    <AppShell
      navbar={{ width: 216, breakpoint: "md", collapsed: { mobile: !menu } }}
      header={{ height: { base: 44, md: 0 } }}
      padding={{ base: "sm", md: "lg" }}
    >
      <a className="skip" href="#page">
        To the page
      </a>
      <AppShell.Header hiddenFrom="md">
        <Group h="100%" px="sm" gap="xs" wrap="nowrap">
          <Burger opened={menu} onClick={toggle} size="sm" aria-label="Menu" />
          <Brand />
          <ActionIcon ml="auto" onClick={paletteOpen.open} aria-label="Go to">
            <Lens />
          </ActionIcon>
        </Group>
      </AppShell.Header>
      <AppShell.Navbar aria-label="Menu">
        <AppShell.Section p="sm" visibleFrom="md">
          <Brand />
        </AppShell.Section>
        <AppShell.Section px="xs" pt={{ base: "xs", md: 0 }}>
          <UnstyledButton className="goto" onClick={paletteOpen.open}>
            <Lens />
            <span>Go to…</span>
            <Kbd size="xs">Ctrl K</Kbd>
          </UnstyledButton>
        </AppShell.Section>
        <AppShell.Section grow component={ScrollArea} px="xs" scrollbars="y">
          <Lines />
        </AppShell.Section>
        <AppShell.Section p="xs" className="foot">
          <Person me={me} help={helpOpen.open} />
        </AppShell.Section>
      </AppShell.Navbar>
      <AppShell.Main id="page">
        <Notices />
        <Boundary resetKey={location.pathname}>
          <Suspense fallback={<div className="loading" role="status" aria-label="Loading" />}>
            <Routes>
              <Route index element={<Navigate to="/overview" replace />} />
              {PAGES.map(({ path, View }) => (
                <Route key={path} path={`${path}/*`} element={<View />} />
              ))}
              <Route path="*" element={<Nowhere />} />
            </Routes>
          </Suspense>
        </Boundary>
      </AppShell.Main>
      <Palette opened={palette} onClose={paletteOpen.close} />
      <Help opened={help} onClose={helpOpen.close} />
    </AppShell>
  );
}

function Brand() {
  return (
    <Link to="/overview" className="brand">
      <img src="/mark.svg" alt="" width={20} height={20} />
      Waypost
    </Link>
  );
}

function Lines() {
  const { pathname } = useLocation();
  return (
    <>
      {grouped().map((group) => (
        <nav key={group.title} aria-label={group.title} className="menu-group">
          <Text className="menu-title">{group.title}</Text>
          {group.parts.map((part) => (
            <div key={part.pages[0]?.path}>
              {part.title && <Text className="menu-part">{part.title}</Text>}
              {part.pages.map((page) => (
                <NavLink
                  key={page.path}
                  component={Link}
                  to={page.path}
                  label={page.label}
                  active={pathname === page.path || pathname.startsWith(`${page.path}/`)}
                  aria-current={pathname.startsWith(page.path) ? "page" : undefined}
                  className={part.title ? "menu-line menu-inner" : "menu-line"}
                />
              ))}
            </div>
          ))}
        </nav>
      ))}
    </>
  );
}

function Person({ me, help }: { me: Me; help: () => void }) {
  const leave = () =>
    session
      .logout()
      .catch(() => null)
      .finally(() => {
        client.clear();
        void forget(client);
        window.location.assign("/");
      });
  return (
    <Group gap={4} wrap="nowrap">
      <Menu position="top-start" width={200}>
        <Menu.Target>
          <UnstyledButton className="person">
            <span className="person-name">{me.name}</span>
            <Text span size="xs" c="dimmed">
              {me.role}
            </Text>
          </UnstyledButton>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item component={Link} to="/settings/access">
            Your password…
          </Menu.Item>
          <Menu.Item onClick={help} rightSection={<Kbd size="xs">?</Kbd>}>
            Keys
          </Menu.Item>
          <Menu.Divider />
          <Menu.Item onClick={leave}>Log out</Menu.Item>
        </Menu.Dropdown>
      </Menu>
      <SchemeChoice />
    </Group>
  );
}

function Nowhere() {
  return (
    <>
      <h1>There is no such page</h1>
      <Text>
        The menu lists all there are; <Kbd size="xs">Ctrl K</Kbd> finds one by its name.
      </Text>
    </>
  );
}

function Lens() {
  return (
    <svg
      width="14"
      height="14"
      viewBox="0 0 16 16"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.6"
      aria-hidden="true"
    >
      <circle cx="6.8" cy="6.8" r="4.6" />
      <path d="m10.4 10.4 4 4" strokeLinecap="round" />
    </svg>
  );
}
