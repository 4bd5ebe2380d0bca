"""Vol surfaces: SVI fits to option chains, the checks of VolSurface, and signed publications."""
