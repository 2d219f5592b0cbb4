"""Nodes and the items of leaves: writing, reading, copying and deleting them."""
