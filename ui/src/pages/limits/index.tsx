// The page Limits: not built yet.

export default function Limits() {
  return <h1>Limits</h1>;
}
