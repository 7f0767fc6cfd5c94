// The page More: not built yet.

export default function More() {
  return <h1>More</h1>;
}
