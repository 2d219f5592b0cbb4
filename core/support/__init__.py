"""What several parts of the core need and that knows nothing of any of them."""
