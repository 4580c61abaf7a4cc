"""Scripts that run in a peer's own environment and know nothing of this package."""
