// The page Queue: not built yet.

export default function Queue() {
  return <h1>Queue</h1>;
}
