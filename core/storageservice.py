"""The established home of the storage services; they live in plugins now."""

from pypet.faces import face_names, module_getattr
from pypet.interfaces.storage import StorageService

__all__ = ["StorageService", *face_names(__name__)]

__getattr__ = module_getattr(__name__)
