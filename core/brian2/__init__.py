"""Established place of classes for BRIAN2; their home is the package pypet-brian2."""

from pypet.aliases import alias_names, module_getattr
from pypet.support.optional import is_installed

if not is_installed("pypet_brian2"):
    # Without `name=`: for `from pypet import brian2` Python would swallow an error with the name
    # of this module, and say that it cannot import it, not why.
    raise ModuleNotFoundError(
        "pypet.brian2 needs a package of its own, which is not installed: "
        "pip install pypet-brian2. Without it, keep value and unit of a quantity as two items of "
        "a `Result`."
    )

__all__ = [*alias_names(__name__)]

__getattr__ = module_getattr(__name__)
