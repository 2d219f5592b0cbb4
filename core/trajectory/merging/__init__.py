"""Merging trajectories: the runs of one or more others become further runs of the current one.

`compatibility` checks whether two trajectories can be merged, `plan` has the options and decides
which runs are new and which parameters change, `transfer` decides what is copied under which name,
`item_copying` copies through memory where the storage cannot copy by itself, `backups` copies both
trajectories before, and `merger` executes these steps so that a failure leaves both unchanged.
"""
