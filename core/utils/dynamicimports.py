"""Established place of the functions that find classes by name."""

from pypet.leaves.class_lookup import create_class, load_class

__all__ = ["create_class", "load_class"]
