"""Conformance suites: what every plugin of a family has to do, as tests to inherit.

Needs pytest. A backend's own test module derives a class from a suite, says how to make the
thing under test, and is done::

    from pypet.testing.storage import StorageConformance

    class TestMyStorage(StorageConformance):
        def make_service(self, folder):
            return MyStorageService(filename=folder / "data.my")
"""

import pkgutil
import sys

_pytest = sys.modules.get("pytest")
if _pytest is not None:
    # without rewriting, a plain assert of a third party's tests would not say what was compared
    _modules = (f"{__name__}.{module.name}" for module in pkgutil.iter_modules(__path__))
    _pytest.register_assert_rewrite(*(name for name in _modules if name not in sys.modules))
