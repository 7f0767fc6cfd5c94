export default function Message({ back }: { back: string }) {
  return <h1>{back}</h1>;
}
