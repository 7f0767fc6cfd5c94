// The page Reports: not built yet.

export default function Reports() {
  return <h1>Reports</h1>;
}
