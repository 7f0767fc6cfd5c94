// The page Explain: not built yet.

export default function Explain() {
  return <h1>Explain</h1>;
}
