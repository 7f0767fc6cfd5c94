// The page Revisions: not built yet.

export default function Revisions() {
  return <h1>Revisions</h1>;
}
