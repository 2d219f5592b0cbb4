"""Going on with a stored trajectory in one that was set up anew, as a script does each time."""
