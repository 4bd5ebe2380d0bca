"""Who may do what in which state: every call that a person can make, in every state that has hidden a fault before.

`python -m tests.matrix` writes the tables of docs/threat-model.md; test_matrix runs every cell of them again.
"""
