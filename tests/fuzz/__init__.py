"""Every external function of every contract with random words, lengths and callers.

`make fuzz` makes 100,000 calls; the suite makes some thousands. What a refusal may be is in outcome.py.
"""
