"""Schedulers, versioning, logging, progress and all other features that do not store."""
