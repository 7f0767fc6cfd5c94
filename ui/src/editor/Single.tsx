// The page of a type that has exactly one object.
import { ObjectEditor, type ObjectEditorProps } from "./ObjectEditor";

export function Single(props: Partial<ObjectEditorProps> & { type: string; title: string }) {
  return <ObjectEditor id="singleton" noun="object" {...props} />;
}
