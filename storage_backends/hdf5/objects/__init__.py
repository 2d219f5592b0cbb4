"""What files are made of, as PyTables makes it: groups, arrays, tables, and templates of them."""
