"""What this adds to evolve. Nothing happens at import: evolve imports a class when a run names it."""
