"""Nodes and the items of leaves: writing, reading and deleting them."""
