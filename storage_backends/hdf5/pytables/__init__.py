"""What only PyTables can read, and what has to be looked at before it reads it."""
