// The page Connection: not built yet.

export default function Connection() {
  return <h1>Connection</h1>;
}
