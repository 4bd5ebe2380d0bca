"""A market maker: two-sided quotes around the mirror's marks, signed and served to whoever asks.

`ladder` decides (pure), `server` signs and serves. Nothing is sent to the chain but the opening of desks.
"""
