// The page Domains: not built yet.

export default function Domains() {
  return <h1>Domains</h1>;
}
