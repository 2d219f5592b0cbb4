"""The names, types and encodings of the layout: how values are kept in attributes and datasets."""
