"""Between Python values and `pypet.records` items: which arrays and names represent which values.

The rules are those of the established HDF5 layout, so that its files can be read and written,
widened where it lost data: integers of 64 bit, encoded text, exact numpy scalars.
"""

from pypet.encoding.object_table import pandas_flag
from pypet.encoding.tables import decode_column, encode_column
from pypet.encoding.value_codec import decode_item, encode_value

__all__ = ["decode_column", "decode_item", "encode_column", "encode_value", "pandas_flag"]
