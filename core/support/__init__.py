"""Foundations shared by several packages of the core, without knowledge of any of them."""
