// The page Audit: not built yet.

export default function Audit() {
  return <h1>Audit</h1>;
}
