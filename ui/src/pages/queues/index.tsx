// The page Queues: not built yet.

export default function Queues() {
  return <h1>Queues</h1>;
}
