// Where does one get by typing a few letters?
import { Kbd, Modal, ScrollArea, Text, TextInput, UnstyledButton } from "@mantine/core";
import { useQueries } from "@tanstack/react-query";
import { useEffect, useMemo, useState } from "react";
import { useNavigate } from "react-router";
import type { GetAnswer } from "@/api/hooks";
import { call } from "@/api/jmap";
import { PAGES, rank } from "./menu";

interface Target {
  label: string;
  where: string;
  path: string;
  keys?: string;
}

/** Types whose objects the palette finds by name, and the page that shows one. */
const NAMED: [string, string, string][] = [
  ["MtaRoute", "Route", "/settings/routes"],
  ["MtaDeliverySchedule", "Schedule", "/settings/schedules"],
  ["MtaVirtualQueue", "Virtual queue", "/settings/queues"],
  ["MtaConnectionStrategy", "Connection strategy", "/settings/connection"],
  ["MtaTlsStrategy", "TLS strategy", "/settings/tls"],
  ["Domain", "Domain", "/domains"],
  ["Account", "Account", "/accounts"],
];

/** The dialog of Ctrl-K and `/`. */
export function Palette({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  return (
    <Modal
      opened={opened}
      onClose={onClose}
      withCloseButton={false}
      padding={0}
      size="md"
      attributes={{ content: { "aria-label": "Go to" } }}
      yOffset="12vh"
    >
      {opened && <Search onClose={onClose} />}
    </Modal>
  );
}

function Search({ onClose }: { onClose: () => void }) {
  const [typed, setTyped] = useState("");
  const [at, setAt] = useState(0);
  const navigate = useNavigate();
  const targets = useTargets(typed);
  const chosen = Math.min(at, Math.max(0, targets.length - 1));
  const go = (target: Target | undefined) => {
    if (!target) return;
    onClose();
    void navigate(target.path);
  };
  useEffect(() => {
    document.getElementById(`palette-${chosen}`)?.scrollIntoView({ block: "nearest" });
  }, [chosen]);
  const onKeyDown = (event: React.KeyboardEvent) => {
    if (event.key === "ArrowDown") setAt(Math.min(chosen + 1, targets.length - 1));
    else if (event.key === "ArrowUp") setAt(Math.max(chosen - 1, 0));
    else if (event.key === "Enter") go(targets[chosen]);
    else return;
    event.preventDefault();
  };
  return (
    <>
      <TextInput
        size="md"
        variant="unstyled"
        px="md"
        placeholder="A page, a route, a domain, or an address to look for"
        aria-label="Go to"
        role="combobox"
        aria-expanded
        aria-controls="palette"
        aria-activedescendant={targets.length > 0 ? `palette-${chosen}` : undefined}
        value={typed}
        onChange={(event) => {
          setTyped(event.currentTarget.value);
          setAt(0);
        }}
        onKeyDown={onKeyDown}
        data-autofocus
      />
      <ScrollArea.Autosize mah="50vh" className="palette">
        <div id="palette" role="listbox" aria-label="Pages and objects">
          {targets.map((target, index) => (
            <UnstyledButton
              key={`${target.path} ${target.label}`}
              id={`palette-${index}`}
              role="option"
              aria-selected={index === chosen}
              className="palette-line"
              tabIndex={-1}
              onClick={() => go(target)}
            >
              <span>{target.label}</span>
              <Text span size="xs" c="dimmed">
                {target.where}
              </Text>
              {target.keys && <Kbd size="xs">{target.keys}</Kbd>}
            </UnstyledButton>
          ))}
        </div>
        {targets.length === 0 && (
          <Text p="md" size="sm" c="dimmed">
            Nothing by that name.
          </Text>
        )}
      </ScrollArea.Autosize>
    </>
  );
}

/** What fits what was typed: pages first, then objects, then a search in the mail. */
function useTargets(typed: string): Target[] {
  const objects = useNamed();
  return useMemo(() => {
    const pages = PAGES.map((page) => ({ page, points: rank(page, typed) }))
      .filter(({ points }) => points > 0)
      .sort((a, b) => b.points - a.points)
      .map(({ page }) => ({
        label: page.label,
        where: page.section.join(" › "),
        path: page.path,
        keys: page.key ? `g ${page.key}` : undefined,
      }));
    if (typed.trim() === "") return pages;
    const text = typed.trim();
    const named = objects.filter(({ label }) => label.toLowerCase().includes(text.toLowerCase()));
    const mail = [
      {
        label: `“${text}” in the queue`,
        where: "Emails › Queued",
        path: `/queue?text=${encodeURIComponent(text)}`,
      },
      {
        label: `“${text}” in the history`,
        where: "Emails › History",
        path: `/history?text=${encodeURIComponent(text)}`,
      },
    ];
    return [...pages, ...named.slice(0, 20), ...(text.length >= 3 ? mail : [])];
  }, [typed, objects]);
}

function useNamed(): Target[] {
  return useQueries({
    queries: NAMED.map(([type]) => ({
      queryKey: [`x:${type}/get`, { ids: null }],
      queryFn: () => call<GetAnswer>(`x:${type}/get`, { ids: null }),
      staleTime: 60_000,
    })),
    combine: (answers) =>
      NAMED.flatMap(([, where, path], index) =>
        (answers[index]?.data?.list ?? []).map((item) => ({
          label: String(item.name ?? item.id),
          where,
          path: `${path}/${item.id}`,
        })),
      ),
  });
}
