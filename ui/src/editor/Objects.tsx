// The pages of a type: the list of its objects, and the editor of each.

import { Button, Table, Text, TextInput } from "@mantine/core";
import { type ReactNode, useState } from "react";
import { Link, Route, Routes, useNavigate, useParams, useSearchParams } from "react-router";
import { type Item, useMe, useObjects } from "@/api/hooks";
import { type Role, reaches } from "@/api/session";
import { Foreign } from "@/foreign/Foreign";
import type { Draft } from "@/forms/schema";
import { Trouble } from "@/shell/Trouble";
import { ObjectEditor, type ObjectEditorProps } from "./ObjectEditor";
import { PageHead } from "./PageHead";

export interface Column {
  title: string;
  cell: (item: Item) => ReactNode;
  number?: boolean;
  /** Left out on a narrow screen. */
  wide?: boolean;
}

export interface ObjectsProps {
  type: string;
  path: string;
  title: string;
  noun: string;
  intro?: ReactNode;
  columns: Column[];
  /** What a row is called, and by what it is found. */
  nameOf?: (item: Item) => string;
  empty?: string;
  least?: Role;
  start?: (params: URLSearchParams) => Draft | undefined;
  editor?: Partial<ObjectEditorProps>;
  above?: ReactNode;
  /** Without a head of its own, within a page that has one. */
  bare?: boolean;
  order?: (a: Item, b: Item) => number;
}

/** Text may have come from anywhere: what in it cannot be seen is named. */
const shown = (cell: ReactNode): ReactNode =>
  typeof cell === "string" ? <Foreign text={cell} quiet /> : cell;

const byName = (item: Item) => String(item.name ?? item.description ?? item.id);

export function Objects(props: ObjectsProps) {
  return (
    <Routes>
      <Route index element={<Listing {...props} />} />
      <Route path=":id" element={<One {...props} />} />
    </Routes>
  );
}

function One({ type, path, title, noun, least, editor, start, nameOf }: ObjectsProps) {
  const { id = "" } = useParams();
  const [params] = useSearchParams();
  const navigate = useNavigate();
  const [begun] = useState(() => start?.(params));
  const isNew = id === "new";
  return (
    <ObjectEditor
      key={id}
      type={type}
      id={isNew ? null : id}
      noun={noun}
      up={{ to: path, label: title }}
      {...(least ? { least } : {})}
      {...(begun ? { start: begun } : {})}
      {...(nameOf ? { nameOf: (draft) => nameOf({ id, ...draft }) } : {})}
      onGone={() => void navigate(path)}
      {...(isNew
        ? {
            onSaved: (answer) => {
              const made = Object.values(answer.created ?? {})[0]?.id;
              setTimeout(() => void navigate(made ? `${path}/${made}` : path, { replace: true }));
            },
          }
        : {})}
      {...editor}
    />
  );
}

function Listing({
  type,
  path,
  title,
  noun,
  intro,
  columns,
  nameOf = byName,
  empty,
  least = "router",
  above,
  bare,
  order,
}: ObjectsProps) {
  const me = useMe();
  const [params, setParams] = useSearchParams();
  const text = params.get("text") ?? "";
  const all = useObjects<Item>(type);
  const may = reaches(me.data?.role, least);
  const sorted = [...(all.data?.list ?? [])].sort(order ?? ((a, b) => nameOf(a).localeCompare(nameOf(b))));
  const found = sorted.filter((item) => JSON.stringify(item).toLowerCase().includes(text.toLowerCase()));
  const add = may && (
    <Button component={Link} to={`${path}/new`}>
      New {noun}
    </Button>
  );
  return (
    <>
      {bare ? (
        <div className="tools-right">{add}</div>
      ) : (
        <PageHead title={title} intro={intro} actions={add} />
      )}
      {above}
      {sorted.length > 8 && (
        <TextInput
          data-search
          size="xs"
          maw={320}
          mb="xs"
          placeholder="Search  /"
          aria-label={`Search ${title}`}
          value={text}
          onChange={(event) => {
            const next = event.currentTarget.value;
            setParams(next ? { text: next } : {}, { replace: true });
          }}
        />
      )}
      {all.error && <Trouble error={all.error} retry={() => void all.refetch()} />}
      {all.data && found.length === 0 && (
        <Text size="sm" c="dimmed">
          {text ? "None of them fits." : (empty ?? "There are none yet.")}
        </Text>
      )}
      {found.length > 0 && (
        <div className="tablebox">
          <Table aria-label={title}>
            <Table.Thead>
              <Table.Tr>
                {columns.map((column) => (
                  <Table.Th key={column.title} className={classes(column)}>
                    {column.title}
                  </Table.Th>
                ))}
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {found.map((item) => (
                <Table.Tr key={item.id}>
                  {columns.map((column, index) => (
                    <Table.Td key={column.title} className={classes(column)}>
                      {index === 0 ? (
                        <Link className="rowlink mono" to={`${path}/${item.id}`}>
                          {shown(column.cell(item))}
                        </Link>
                      ) : (
                        shown(column.cell(item))
                      )}
                    </Table.Td>
                  ))}
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </div>
      )}
    </>
  );
}

function classes(column: Column): string {
  return [column.number && "number", column.wide && "wide"].filter(Boolean).join(" ");
}
