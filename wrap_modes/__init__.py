"""Ways to share one storage service among processes: one module or package each."""
