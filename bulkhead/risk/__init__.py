"""The margin models off chain: exact integers (equal to the contracts to the wei) and vectorised numpy."""
