// The schema of each type of settings objects, as the server has it.
import { useDocument } from "@/api/hooks";
import type { TypeSchema } from "@/forms/schema";

type Document =
  | TypeSchema[]
  | { objects?: TypeSchema[] | Record<string, TypeSchema> }
  | Record<string, TypeSchema>;

/** The schemas of all types, whichever form the document has. */
export function listed(document: Document | undefined): TypeSchema[] {
  if (!document) return [];
  if (Array.isArray(document)) return document;
  const objects = (document as { objects?: TypeSchema[] | Record<string, TypeSchema> }).objects ?? document;
  const all = Array.isArray(objects) ? objects : Object.values(objects as Record<string, TypeSchema>);
  return all.filter((one) => one && Array.isArray(one.variants));
}

export function useSchemas() {
  const document = useDocument<Document>("schema", "/api/schema");
  return { ...document, all: listed(document.data) };
}

/** The schema of one type; undefined while it is fetched. */
export function useSchema(type: string) {
  const { all, error, refetch } = useSchemas();
  return { schema: all.find(({ object }) => object === type), error, refetch };
}
