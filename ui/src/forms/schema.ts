// What properties has a type of settings objects, and how are its documents read and written?

/** A value as JSON has it. In drafts lists and sets are arrays. */
export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };
export type Draft = { [property: string]: Json };

export interface Choice {
  name: string;
  help: string;
}

export interface Variant {
  name: string | null;
  help: string;
  properties: Property[];
}

/** Which values are taken; what `/api/schema` says of a property beside its name. */
export type Kind =
  | {
      kind: "text" | "lines" | "host" | "place" | "ip" | "domain" | "address" | "path" | "url";
      maxLength?: number | null;
    }
  | { kind: "boolean" }
  | { kind: "integer"; min?: number | null; max?: number | null }
  | { kind: "duration"; min?: number | null }
  | { kind: "size"; min?: number | null; max?: number | null }
  | { kind: "time" }
  | { kind: "choice"; members: Choice[] }
  | { kind: "reference"; to: string }
  | { kind: "list"; item: Kind }
  | { kind: "set"; item: Kind }
  | { kind: "object"; variants: Variant[] }
  | { kind: "expression"; context: string; yields: string | null };

export type Property = Kind & {
  name: string;
  help: string;
  required: boolean;
  nullable: boolean;
  default: Json;
  readOnly: boolean;
  serverSet: boolean;
  key: boolean;
  indexed: boolean;
  secret: boolean;
};

export interface TypeSchema {
  object: string;
  singleton: boolean;
  help: string;
  label: string | null;
  variants: Variant[];
}

/** What the server shows in place of a secret; written back, it changes nothing. */
export const MASK = "****";

const TYPE = "@type";

/** The variant that a document is of; the first if it does not say. */
export function variantOf(variants: Variant[], draft: Json | undefined): Variant | undefined {
  if (variants.length === 1) return variants[0];
  const name = isObject(draft) ? draft[TYPE] : undefined;
  return variants.find((variant) => variant.name === name) ?? variants[0];
}

/** A new document of a variant with its defaults. */
export function blank(variant: Variant | undefined): Draft {
  if (!variant) return {};
  const draft: Draft = variant.name === null ? {} : { [TYPE]: variant.name };
  for (const property of variant.properties) {
    if (!property.serverSet) draft[property.name] = read(property, property.default);
  }
  return draft;
}

/** The same document as another variant: what both have stays. */
export function asVariant(draft: Draft, variant: Variant): Draft {
  const next = blank(variant);
  for (const property of variant.properties) {
    const had = draft[property.name];
    if (had !== undefined && fits(property, had)) next[property.name] = had;
  }
  return next;
}

function fits(kind: Kind, value: Json): boolean {
  if (value === null) return "nullable" in kind && Boolean((kind as Property).nullable);
  if (kind.kind === "choice") return kind.members.some(({ name }) => name === value);
  return true;
}

/** A value of the server as drafts have it: lists and sets become arrays. */
export function read(kind: Kind, value: Json | undefined): Json {
  if (value === undefined || value === null) return kind.kind === "list" || kind.kind === "set" ? [] : null;
  switch (kind.kind) {
    case "list":
      return numbered(value).map((item) => read(kind.item, item));
    case "set":
      return Array.isArray(value)
        ? value
        : isObject(value)
          ? Object.keys(value).filter((member) => value[member] === true)
          : [];
    case "object":
      return isObject(value) ? readDocument(kind.variants, value) : value;
    case "expression":
      return isObject(value) ? { match: numbered(value.match ?? []), else: value.else ?? "" } : value;
    default:
      return value;
  }
}

/** A document of the server as drafts have it. Members that the schema does not know stay as they are. */
export function readDocument(variants: Variant[], document: { [name: string]: Json }): Draft {
  const draft: Draft = { ...document };
  for (const property of variantOf(variants, document)?.properties ?? []) {
    draft[property.name] = read(property, document[property.name]);
  }
  return draft;
}

/** The elements of a list in their order, whichever of its two forms it has. */
export function numbered(value: Json): Json[] {
  if (Array.isArray(value)) return value;
  if (!isObject(value)) return [];
  return Object.keys(value)
    .sort((a, b) => Number(a) - Number(b))
    .map((place) => value[place] ?? null);
}

/** A value of a draft as the server takes it. */
export function write(kind: Kind, value: Json | undefined): Json {
  if (value === undefined || value === null) return null;
  switch (kind.kind) {
    case "list":
      return keyed((value as Json[]).map((item) => write(kind.item, item)));
    case "set":
      return Object.fromEntries((value as string[]).map((member) => [member, true]));
    case "object":
      return isObject(value) ? writeDocument(kind.variants, value) : value;
    case "expression":
      return isObject(value) ? { ...value, match: keyed(value.match as Json[]) } : value;
    default:
      return value;
  }
}

/** A draft as the server takes it; what the server sets by itself is left out. */
export function writeDocument(variants: Variant[], draft: Draft): { [name: string]: Json } {
  const variant = variantOf(variants, draft);
  const document: { [name: string]: Json } = variant?.name ? { [TYPE]: variant.name } : {};
  for (const property of variant?.properties ?? []) {
    if (!property.serverSet && draft[property.name] !== undefined) {
      document[property.name] = write(property, draft[property.name]);
    }
  }
  return document;
}

function keyed(items: Json[]): Json {
  return Object.fromEntries(items.map((item, place) => [String(place), item]));
}

/** What must be said to the server so that `before` becomes `after`: the properties that differ, whole. */
export function patch(schema: TypeSchema, before: Draft, after: Draft): { [name: string]: Json } {
  const was = variantOf(schema.variants, before);
  const is = variantOf(schema.variants, after);
  const all = writeDocument(schema.variants, after);
  if (was?.name !== is?.name) {
    for (const property of is?.properties ?? []) if (property.readOnly) delete all[property.name];
    return all;
  }
  delete all[TYPE];
  for (const property of is?.properties ?? []) {
    if (property.readOnly || same(before[property.name], after[property.name])) delete all[property.name];
  }
  return all;
}

export interface Difference {
  property: string;
  before: Json;
  after: Json;
}

/** In which properties two drafts differ. */
export function differences(before: Draft, after: Draft): Difference[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  names.delete("id");
  return [...names]
    .filter((name) => !same(before[name], after[name]))
    .map((property) => ({ property, before: before[property] ?? null, after: after[property] ?? null }));
}

export interface Merge {
  /** Theirs, with what I changed. */
  merged: Draft;
  /** What both changed, and not to the same. */
  conflicts: { property: string; base: Json; mine: Json; theirs: Json }[];
}

/** My changes of `base` on top of what others made of it. */
export function merge(base: Draft, mine: Draft, theirs: Draft): Merge {
  const merged: Draft = { ...theirs };
  const conflicts: Merge["conflicts"] = [];
  for (const { property, after } of differences(base, mine)) {
    merged[property] = after;
    const other = theirs[property] ?? null;
    if (!same(base[property], other) && !same(other, after)) {
      conflicts.push({ property, base: base[property] ?? null, mine: after, theirs: other });
    }
  }
  return { merged, conflicts };
}

/** Whether two values are the same; null is as good as absent. */
export function same(a: Json | undefined, b: Json | undefined): boolean {
  if (a === b || (a ?? null) === (b ?? null)) return true;
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((item, place) => same(item, b[place]));
  }
  if (!isObject(a) || !isObject(b)) return false;
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].every((name) => same(a[name], b[name]));
}

export function isObject(value: Json | undefined): value is { [name: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whether these are the variants of a secret. */
export function isSecret(kind: Kind): boolean {
  if (kind.kind !== "object") return false;
  const names = kind.variants.map(({ name }) => name);
  return names.includes("EnvironmentVariable") && names.includes("File") && names.includes("Value");
}
