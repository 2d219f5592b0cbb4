"""Established place of the services that runs see with wrap modes; they live in plugins now."""

from pypet.aliases import alias_names, module_getattr

__all__ = alias_names(__name__)

__getattr__ = module_getattr(__name__)
