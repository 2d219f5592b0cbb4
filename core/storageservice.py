"""The established home of the storage services; they live in plugins now."""

from pypet.faces import module_getattr
from pypet.interfaces.storage import StorageService

__all__ = ["HDF5StorageService", "LazyStorageService", "StorageService"]

__getattr__ = module_getattr(__name__)
