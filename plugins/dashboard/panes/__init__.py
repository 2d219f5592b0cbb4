"""Panes of the dashboard: each shows one side of an experiment, in a page or in a notebook."""
