"""How values stand in attributes and types: the names, types and encodings of the layout."""
