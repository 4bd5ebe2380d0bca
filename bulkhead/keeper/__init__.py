"""The keeper: watches every vault and does, for pay, what keeps the market safe and settled.

`state` reads the chain, `decide` is pure and says what to do, `actions` carries it out, `service` loops.
"""
