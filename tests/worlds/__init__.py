"""Worlds that tests share: contracts deployed, markets listed, actors funded."""
