// The page Routes: not built yet.

export default function Routes() {
  return <h1>Routes</h1>;
}
