// The page Tls: not built yet.

export default function Tls() {
  return <h1>Tls</h1>;
}
