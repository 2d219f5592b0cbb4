"""The two pluggy markers: `hookspec` for pypet itself, `hookimpl` for every plugin."""

from __future__ import annotations

import pluggy

PROJECT_NAME = "pypet"

hookspec = pluggy.HookspecMarker(PROJECT_NAME)
hookimpl = pluggy.HookimplMarker(PROJECT_NAME)
