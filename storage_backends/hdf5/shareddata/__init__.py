"""Shared data: single items that stay in the file and are worked on there."""
