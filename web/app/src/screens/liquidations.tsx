export default function LiquidationsScreen(_: { id?: bigint }) { return <p>…</p> }
