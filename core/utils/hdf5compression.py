"""Established place of the compaction of HDF5 files, which belongs to the HDF5 plugin."""

from pypet.aliases import alias_names, module_getattr

__all__ = [*alias_names(__name__)]

__getattr__ = module_getattr(__name__)
