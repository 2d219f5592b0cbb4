"""Established place of the function that makes storage services."""

from pypet.services.storage_choice import storage_factory

__all__ = ["storage_factory"]
