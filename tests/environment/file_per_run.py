"""A storage service that many processes may use at once: a file for every stored run."""

from __future__ import annotations

import pickle
from pathlib import Path

from pypet.interfaces import StorageService


class FilePerRun(StorageService):
    """Keeps the values of the results of each run in a file of its own."""

    name = "file-per-run"
    multiproc_safe = True

    def __init__(self, folder):
        self.folder = Path(folder)

    def store(self, msg, stuff_to_store, *args, **kwargs):
        if msg != "SINGLE_RUN":
            return
        values = {
            name: node.f_get() for name, node in stuff_to_store._new_nodes.items() if node.v_is_leaf
        }
        path = self.folder / f"{stuff_to_store.v_idx}.run"
        path.write_bytes(pickle.dumps(values))

    def load(self, msg, stuff_to_load, *args, **kwargs):
        raise AssertionError("nothing is loaded in these tests")

    def stored(self):
        return {
            int(path.stem): pickle.loads(path.read_bytes()) for path in self.folder.glob("*.run")
        }
