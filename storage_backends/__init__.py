"""Storage services: one module or package each."""

if __name__ != "pypet.storage_backends":
    raise ImportError(
        f"The folder 'storage_backends' is the package 'pypet.storage_backends': "
        f"install pypet and import that, not {__name__!r}."
    )
