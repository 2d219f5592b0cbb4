"""Established place of parameters and results for quantities of BRIAN2."""

from pypet.aliases import alias_names, module_getattr

__all__ = [*alias_names(__name__)]

__getattr__ = module_getattr(__name__)
