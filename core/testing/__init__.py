"""Conformance suites: what every plugin of a family has to do, as tests to inherit.

Needs pytest. A backend's own test module derives a class from a suite, says how to make the
thing under test, and is done::

    from pypet.testing.storage import StorageConformance

    class TestMyStorage(StorageConformance):
        def make_service(self, folder):
            return MyStorageService(filename=folder / "data.my")
"""
