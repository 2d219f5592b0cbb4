"""Established place of the commits of code, which belong to the git plugin."""

from pypet.faces import face_names, module_getattr

__all__ = [*face_names(__name__)]

__getattr__ = module_getattr(__name__)
