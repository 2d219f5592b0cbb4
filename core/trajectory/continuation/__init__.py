"""Continuing a stored trajectory with one that a restarted script has set up again.

`stored` finds the stored trajectory and loads parts of it, `comparison` checks that both have the
same parameters, `point_matching` assigns points to stored runs, and `extension` turns the new
trajectory into the stored one with further points.
"""
