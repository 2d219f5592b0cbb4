"""Storage services: one module or package each."""
