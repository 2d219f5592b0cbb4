"""Pandas items: how pandas writes and reads them, and what it would lose by that."""
