// The page Dkim: not built yet.

export default function Dkim() {
  return <h1>Dkim</h1>;
}
