"""Established place of the tests, which are not installed."""

# Without `name=`, for the same reason as in `pypet.brian2`.
raise ModuleNotFoundError(
    "pypet.tests is not installed. `pypet.test()` tests this installation with the suites of "
    "`pypet.testing`; pypet's own tests are in its repository and source distribution."
)
