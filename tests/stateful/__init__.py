"""Random lives of a whole market, every promise asked after every step."""
