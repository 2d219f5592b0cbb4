"""Resume experiments that were interrupted, without executing completed runs again."""
