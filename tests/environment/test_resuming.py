"""Resumable experiments: what runs see, what is kept, and what resuming does.

Crashes are children of the tests that kill themselves; what is resumed is resumed in pytest.
"""

from __future__ import annotations
