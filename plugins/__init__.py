"""Schedulers, versioning, logging, progress and all other features that do not store."""

if __name__ != "pypet.plugins":
    raise ImportError(
        f"The folder 'plugins' is the package 'pypet.plugins': "
        f"install pypet and import that, not {__name__!r}."
    )
