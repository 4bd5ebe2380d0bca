"""What a vault has made and what it paid for what it holds: one rule for the index, the service and the card."""
