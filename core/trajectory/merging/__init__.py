"""Merging trajectories: the runs of one or more others become further runs of the current one.

`conditions` says whether two trajectories can be merged, `points` which parameters change and
which runs are new, `translation` how names of the other's runs become names of the new runs,
`transfer` what is copied from where to where, `backups` copies both before that, `info` what is
noted about a merge, and `merger` does it in the order in which a failure harms nobody.
"""
