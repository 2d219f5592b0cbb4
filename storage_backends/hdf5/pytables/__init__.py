"""Reading through PyTables and pandas, and the checks before they read anything."""
