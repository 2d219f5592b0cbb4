"""Helpers for scripts: exploration, comparison, progress and the like."""
