export default function EarnScreen(_: { id?: bigint }) { return <p>…</p> }
