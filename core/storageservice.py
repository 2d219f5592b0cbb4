"""The established home of the storage services; they live in plugins now."""

from pypet.aliases import alias_names, module_getattr
from pypet.interfaces.storage import StorageService

__all__ = ["StorageService", *alias_names(__name__)]

__getattr__ = module_getattr(__name__)
