// The page Overview: not built yet.

export default function Overview() {
  return <h1>Overview</h1>;
}
