"""Reading through PyTables and pandas, with the checks that have to come first."""
