"""Tells owners what happens to their vaults: rules in one file, messages through Apprise."""
