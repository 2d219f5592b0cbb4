"""The base of all pluggable features: a name, requirements, options and capabilities."""

from __future__ import annotations

from typing import Any, ClassVar

from pypet.interfaces.option import Option
from pypet.moved import adopt_overrides


class Feature:
    """A named class that a plugin provides: a storage service, a wrap mode, a scheduler, ...

    Capabilities are data on the class, so that pypet can query a feature before it makes an
    instance and without knowing its name. Importing the module of a feature must be cheap: import
    heavy packages in the method that needs them, through `pypet.support.optional.require`.
    """

    name: ClassVar[str] = ""
    """The name that users type, such as ``'hdf5'`` or ``'QUEUE'``; case-insensitive."""

    requires: ClassVar[tuple[str, ...]] = ()
    """Import names of the packages without which the feature is unavailable."""

    extra: ClassVar[str | None] = None
    """The extra to install for ``requires``: ``'hdf5'`` means ``pip install "pypet[hdf5]"``;
    a requirement of a third party's distribution is written in full, ``'my-dist[s3]'``."""

    options: ClassVar[tuple[Option, ...]] = ()
    """Options of the environment that this feature reads."""

    capabilities: ClassVar[tuple[str, ...]] = ()
    """Names of the class attributes that are capabilities, as listed by ``pypet plugins``."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        adopt_overrides(cls)
