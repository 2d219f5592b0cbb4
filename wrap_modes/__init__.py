"""Ways to share one storage service among processes: one module or package each."""

if __name__ != "pypet.wrap_modes":
    raise ImportError(
        f"The folder 'wrap_modes' is the package 'pypet.wrap_modes': "
        f"install pypet and import that, not {__name__!r}."
    )
