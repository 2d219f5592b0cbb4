"""Continuing a stored trajectory with one that a script has set up anew, as on every start.

`stored` finds the stored trajectory and loads parts of it, `comparison` checks that both have the
same parameters, `point_matching` assigns points to stored runs, and `extension` turns the new
trajectory into the stored one with further points.
"""
