"""Crash replays: price bars, walked as oracle rounds, through the real contracts on an Anvil of one's own."""
