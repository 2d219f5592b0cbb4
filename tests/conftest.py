"""The suite is the same each time, and leaves nothing behind.

After it there may be no process, open file, shared memory or temporary file.
"""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

import pytest

CLUSTERS = "clusters"
SHARED_MEMORY = Path("/dev/shm")
OPEN_FILES = Path("/proc/self/fd")
KEPT_BY_PYTHON = {"forkserver", "resource_tracker"}
"""Helpers of `multiprocessing` that stay until the interpreter ends."""
CACHED_FONTS = "/matplotlib/mpl-data/fonts/"
"""Matplotlib keeps the font files open that it has drawn with."""
PATIENCE_SECONDS = 30

SLOW_FOLDERS = frozenset(
    [
        "bare",
        "benchmarks",
        "clusters",
        "browser",
        "docs",
        "examples",
        "faults",
        "interop",
        "notebooks",
        "packaging",
        "third_party",
        "plugins/dask",
        "plugins/scoop",
        "plugins/sumatra",
    ]
)
"""Folders of tests that are marked ``slow`` as a whole; `SLOW_MODULES` has single modules."""
SLOW_MODULES = frozenset(
    [
        "contract/test_merging_as_established",
        "contract/test_stateful_trajectory",
        "environment/test_early_storing",
        "environment/test_error_output",
        "environment/test_execution_matrix",
        "environment/test_existing_trajectories",
        "environment/test_faults",
        "environment/test_gathered_outcomes",
        "environment/test_killed_experiments",
        "environment/test_killed_searches",
        "environment/test_log_file_counts",
        "environment/test_log_files",
        "environment/test_lost_files",
        "environment/test_multiproc_context",
        "environment/test_nothing_is_retained",
        "environment/test_options_in_effect",
        "environment/test_parallel_runs",
        "environment/test_partly_storable_runs",
        "environment/test_pickled_environments",
        "environment/test_platforms_without_fork",
        "environment/test_reading_meanwhile",
        "environment/test_restarted_scripts",
        "environment/test_resumable_modes",
        "environment/test_resuming",
        "environment/test_sampler_searches",
        "environment/test_searches",
        "environment/test_small_clients",
        "environment/test_start_methods",
        "environment/test_summary",
        "environment/test_surroundings",
        "environment/test_unfinished_contexts",
        "environment/test_unguarded_scripts",
        "mutants/test_journal_mutants",
        "mutants/test_scheduler_mutants",
        "mutants/test_storage_mutants",
        "mutants/test_wrap_mode_mutants",
        "plugins/git/test_code_of_strangers",
        "plugins/git/test_dirty_tree_matrix",
        "plugins/progress/test_live_terminal",
        "plugins/resume/test_ends_of_experiments",
        "plugins/resume/test_interrupted_experiments",
        "plugins/resume/test_journal_conformance",
        "plugins/resume/test_journal_faults",
        "plugins/resume/test_main_scripts",
        "plugins/resume/test_repair_command",
        "plugins/resume/test_resume_command",
        "plugins/resume/test_size_of_the_journal",
        "plugins/resume/test_status_command",
        "plugins/resume/test_verify_command",
        "plugins/show/test_show_command",
        "plugins/test_outbox",
        "plugins/test_pool_scheduler",
        "plugins/test_process_scheduler",
        "plugins/test_strange_executors",
        "plugins/test_worker_activity",
        "plugins/test_worker_reports",
        "services/test_overlay",
        "storage_backends/hdf5/compression/test_hdf5_fast_compression",
        "storage_backends/hdf5/compression/test_hdf5_filters",
        "storage_backends/hdf5/compression/test_hdf5_packing",
        "storage_backends/hdf5/files/test_hdf5_damage",
        "storage_backends/hdf5/files/test_hdf5_forks",
        "storage_backends/hdf5/files/test_hdf5_threads",
        "storage_backends/hdf5/frames/test_hdf5_appending",
        "storage_backends/hdf5/frames/test_hdf5_pandas_dtypes",
        "storage_backends/hdf5/nodes/test_hdf5_foreign_structures",
        "storage_backends/hdf5/nodes/test_hdf5_kinds_of_data",
        "storage_backends/hdf5/objects/test_hdf5_templates",
        "storage_backends/hdf5/pytables/test_hdf5_plain_copies",
        "storage_backends/hdf5/trajectories/test_hdf5_damaged_overview",
        "storage_backends/test_random_calls",
        "tree/test_tree_costs",
        "tree/test_tree_properties",
        "wrap_modes/test_large_arrays",
        "wrap_modes/test_network_lock",
        "wrap_modes/test_network_security",
        "wrap_modes/test_wrap_mode_conformance",
        "wrap_modes/test_writer_faults",
    ]
)
"""Modules whose tests take more than about 6 s of processor time, or start many processes."""


def pytest_configure(config):
    """Let hypothesis try the same examples each time, however long they take.

    ``--hypothesis-profile=explore`` tries others.
    """
    try:
        from hypothesis import HealthCheck, settings
    except ModuleNotFoundError:  # in a bare install
        return
    patient = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
    # Half of the default: the suite has many such tests, and always tries the same examples.
    settings.register_profile("suite", derandomize=True, max_examples=50, **patient)
    settings.register_profile("explore", derandomize=False, print_blob=True, **patient)
    if not config.getoption("--hypothesis-profile", None):
        settings.load_profile("suite")


def pytest_collection_modifyitems(items):
    """Mark slow tests."""
    root = Path(__file__).parent
    for item in items:
        module = item.path.relative_to(root)
        folders = {parent.as_posix() for parent in module.parents}
        if module.with_suffix("").as_posix() in SLOW_MODULES or folders & SLOW_FOLDERS:
            item.add_marker("slow")


@pytest.hookimpl(optionalhook=True)  # of pytest-xdist
def pytest_xdist_auto_num_workers():
    """Start one process more than there are cores where the tests of clusters are executed.

    Their process waits most of its time, for jobs that end and cables that are mended, and would
    leave a core idle.
    """
    has_clusters = shutil.which("slurmctld", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
    if not has_clusters or os.environ.get("PYTEST_XDIST_AUTO_NUM_WORKERS"):
        return None  # pytest-xdist decides
    return (os.cpu_count() or 1) + 1


@pytest.hookimpl(optionalhook=True)  # of pytest-xdist
def pytest_xdist_make_scheduler(config, log):
    """Execute the tests of a file in one process, whose fixtures are then made once.

    All tests with clusters are in one process, too, so that there is one bed of each kind.
    """
    from xdist.scheduler import LoadScopeScheduling

    class FileScheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            path = nodeid.partition("::")[0]
            return CLUSTERS if "/clusters/" in path else path

        def _assign_work_unit(self, node):
            # They take longest, and would keep one process busy when all others have ended.
            if CLUSTERS in self.workqueue:
                self.workqueue.move_to_end(CLUSTERS, last=False)
            super()._assign_work_unit(node)

    return FileScheduling(config, log)


@pytest.fixture
def main_script(monkeypatch):
    """Give the main module a file, which it lacks in worker processes of pytest-xdist."""
    main = sys.modules["__main__"]
    if not hasattr(main, "__file__"):
        monkeypatch.setattr(main, "__file__", __file__, raising=False)


@pytest.fixture(scope="session", autouse=True)
def _nothing_is_left_behind(tmp_path_factory):
    own = tmp_path_factory.mktemp("temporary")
    former, tempfile.tempdir = tempfile.tempdir, str(own)
    files, memory = _open_files(), _names(SHARED_MEMORY)
    yield
    tempfile.tempdir = former
    gc.collect()
    assert multiprocessing.active_children() == []
    assert _children() == []
    opened = [name for name in _open_files() if name not in files]
    assert [name for name in opened if CACHED_FONTS not in name] == []
    assert _lasting(_names(SHARED_MEMORY) - memory) == set()
    left = [path for path in own.iterdir() if not path.name.startswith("pymp-")]
    assert left == [], "temporary files"


def _names(folder):
    """Return the names in a folder, without files that `multiprocessing.heap` makes to unlink them.

    A process that is killed in between leaves one.
    """
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    return {name for name in names if not name.startswith("pym-")}


def _lasting(names):
    """Return which names of shared memory stay; what other programs use does not count."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while left := {name for name in names if _is_ours(SHARED_MEMORY / name)}:
        if time.monotonic() > deadline:
            break
        time.sleep(0.1)
    return left


def _is_ours(path):
    """Return whether this is there, of this user, and not used by processes that go on."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return False
    return status.st_uid == os.getuid() and status.st_ino not in _used_by_others()


def _used_by_others():
    """Return the inodes of shared memory that other processes use; those of tests have ended."""
    found = set()
    for maps in Path("/proc").glob("[0-9]*/maps"):
        if maps.parent.name != str(os.getpid()):
            with contextlib.suppress(OSError):  # it has ended, or is somebody else's
                lines = maps.read_text().splitlines()
                # The names of semaphores are others there than in the folder.
                found |= {int(each.split()[4]) for each in lines if f" {SHARED_MEMORY}/" in each}
    return found


def _open_files():
    """Return what this process has open, by path; pipes and sockets of helpers aside."""
    found = []
    for name in _names(OPEN_FILES):
        try:
            target = os.readlink(OPEN_FILES / name)
        except OSError:
            continue  # it was the folder itself
        if target.startswith("/") and not target.startswith(("/dev/", "/proc/")):
            found.append(target)
    return found


def _children():
    """Return the command lines of processes that this one started and that still live."""
    try:
        import psutil
    except ModuleNotFoundError:
        return []
    lines = []
    for child in psutil.Process().children(recursive=True):
        try:
            line = " ".join(child.cmdline())
        except psutil.Error:
            continue
        if not any(helper in line for helper in KEPT_BY_PYTHON):
            lines.append(line)
    return lines
