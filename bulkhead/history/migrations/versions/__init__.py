"""One script for each version, never changed once it was released."""
