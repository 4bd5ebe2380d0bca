"""The keeper: watches every vault and does, for pay, what keeps the market safe and settled.

`discovery`, `registry`, `index` and `observe` read the chain, `decide` and `takes` are pure and say what to do,
`executor` and `sender` carry it out, `service` loops.
"""
