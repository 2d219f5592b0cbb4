"""Pandas items: reading and writing them through pandas, and keeping what pandas would lose."""
