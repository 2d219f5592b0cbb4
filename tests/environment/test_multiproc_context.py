"""MultiprocContext: sharing storage among processes that a script starts itself."""

from __future__ import annotations

import multiprocessing
import signal
import threading

import numpy as np
import pytest

import pypet
from pypet import MultiprocContext, Trajectory, load_trajectory, manual_run
from pypet.errors import NoSuchServiceError
from pypet.storage_backends.memory import MemoryStorageService
from pypet.support.optional import is_installed
from pypet.utils import mpwrappers

pytest.importorskip("h5py")
pytestmark = pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="the platform cannot fork"
)
FORK = multiprocessing.get_context("fork") if hasattr(signal, "SIGKILL") else None
RUNS = 4
SHARING = ["LOCK", "QUEUE", "PIPE", *(["NETLOCK", "NETQUEUE"] if is_installed("zmq") else [])]


@manual_run(store_meta_data=False)
def simulate(traj):
    traj.f_add_result("z", traj.x * 2)
    traj.f_store()


def bring_home(traj):
    simulate(traj)
    return traj.v_storage_service.references


@pytest.fixture
def traj(tmp_path):
    service = pypet.HDF5StorageService(filename=str(tmp_path / "data.hdf5"))
    return sample(service)


def sample(service):
    traj = Trajectory("own", storage_service=service)
    traj.f_add_parameter("x", 0)
    traj.f_explore({"x": [1, 2, 3, 4]})
    return traj


def results(traj, service=None):
    loaded = load_trajectory("own", storage_service=service or traj.v_storage_service, load_data=2)
    return [loaded.f_get(f"results.runs.run_{i:08d}.z").f_get() for i in range(RUNS)]


def in_processes(traj):
    for own in traj.f_iter_runs(yields="self"):
        process = FORK.Process(target=simulate, args=(own,))
        process.start()
        process.join(100)
        assert process.exitcode == 0


@pytest.mark.parametrize("wrap_mode", SHARING)
def test_processes_of_ones_own_store(traj, wrap_mode):
    service = traj.v_storage_service
    with MultiprocContext(traj, wrap_mode):
        assert traj.v_storage_service is not service
        in_processes(traj)
    assert traj.v_storage_service is service
    assert results(traj) == [2, 4, 6, 8]


@pytest.mark.parametrize("wrap_mode", SHARING)
def test_copies_go_through_a_pool(traj, wrap_mode):
    with MultiprocContext(traj, wrap_mode), FORK.Pool(2) as pool:
        pool.map(simulate, traj.f_iter_runs(yields="copy"))
        pool.close()
        pool.join()
    assert results(traj) == [2, 4, 6, 8]


def test_references_of_children_are_stored_here():
    service = MemoryStorageService()
    traj = sample(service)
    with MultiprocContext(traj, "LOCAL") as context:
        assert context.reference_wrapper is traj.v_storage_service
        with FORK.Pool(2) as pool:
            brought = pool.map(bring_home, traj.f_iter_runs(yields="copy"))
            pool.close()
            pool.join()
        for references in brought:
            context.store_references(references)
    assert results(traj) == [2, 4, 6, 8]


def test_a_given_lock_is_used(traj):
    lock = FORK.Lock()
    context = MultiprocContext(traj, "LOCK", lock=lock, use_manager=False)
    context.start()
    assert context.lock is lock
    in_processes(traj)
    context.finalize()
    assert results(traj) == [2, 4, 6, 8]


def test_a_given_queue_is_used(traj):
    queue = FORK.Queue()
    with MultiprocContext(traj, "QUEUE", queue=queue, use_manager=False) as context:
        assert context.queue is queue
        in_processes(traj)
    queue.close()
    queue.join_thread()
    assert results(traj) == [2, 4, 6, 8]


def test_a_given_pair_of_connections_is_used(traj):
    pair = FORK.Pipe()
    with MultiprocContext(traj, "PIPE", queue=pair, lock=FORK.Lock()) as context:
        assert context.pipe.connections == pair
        in_processes(traj)
    for connection in pair:
        connection.close()
    assert results(traj) == [2, 4, 6, 8]


@pytest.mark.parametrize(
    ("wrap_mode", "make_queue"), [("LOCK", None), ("QUEUE", "Queue"), ("PIPE", "Pipe")]
)
def test_a_service_of_the_main_process_is_refused_whoever_made_the_queue(wrap_mode, make_queue):
    traj = sample(MemoryStorageService())
    for queue in (None, getattr(FORK, make_queue)() if make_queue else None):
        with pytest.raises(ValueError, match="memory of the main process"):
            MultiprocContext(traj, wrap_mode, queue=queue).start()
    assert isinstance(traj.v_storage_service, MemoryStorageService)


@pytest.mark.parametrize(
    ("wrap_mode", "present"),
    [
        ("LOCK", {"lock", "lock_wrapper"}),
        ("QUEUE", {"queue", "queue_wrapper"}),
        ("PIPE", {"pipe", "pipe_wrapper"}),
        ("LOCAL", {"reference_wrapper"}),
    ],
)
def test_parts_are_there_while_it_is_active(traj, wrap_mode, present):
    context = MultiprocContext(traj, wrap_mode)
    names = [
        *("lock", "queue", "pipe", "lock_wrapper"),
        *("queue_wrapper", "pipe_wrapper", "reference_wrapper"),
    ]
    assert all(getattr(context, name) is None for name in names)
    context.f_start()
    assert {name for name in names if getattr(context, name) is not None} == present
    context.f_finalize()
    assert all(getattr(context, name) is None for name in names)


def test_starting_and_finalizing_twice_is_the_same_as_once(traj):
    service = traj.v_storage_service
    context = MultiprocContext(traj)
    context.finalize()
    context.start()
    wrapper = traj.v_storage_service
    context.start()
    assert traj.v_storage_service is wrapper
    context.finalize()
    traj.v_storage_service = None
    context.finalize()
    assert traj.v_storage_service is None
    traj.v_storage_service = service


def test_the_service_of_a_later_context_is_left_alone(traj):
    first, second = MultiprocContext(traj, "LOCK"), MultiprocContext(traj, "LOCK")
    first.start()
    second.start()
    wrapper = traj.v_storage_service
    first.finalize()
    assert traj.v_storage_service is wrapper
    second.finalize()


def test_full_copy_is_set_for_good(traj):
    with MultiprocContext(traj, full_copy=True):
        assert traj.v_full_copy
    assert traj.v_full_copy


@pytest.mark.parametrize("wrap_mode", ["NONE", None, "NOTHING_KNOWN"])
def test_modes_that_wrap_nothing_are_refused(traj, wrap_mode):
    with pytest.raises(RuntimeError):
        MultiprocContext(traj, wrap_mode).start()


def test_a_service_is_needed():
    with pytest.raises(NoSuchServiceError):
        MultiprocContext(Trajectory("bare")).start()


def test_references_are_refused_where_nothing_collects(traj):
    with MultiprocContext(traj) as context, pytest.raises(RuntimeError, match="LOCK"):
        context.store_references({})


def test_senders_and_writers_work_on_any_queue(traj):
    service = traj.v_storage_service
    traj.f_store()
    queue = FORK.Queue()
    writer = mpwrappers.QueueStorageServiceWriter(service, queue, gc_interval=2)
    thread = threading.Thread(target=writer.run)
    thread.start()
    sender = traj.v_storage_service = mpwrappers.QueueStorageServiceSender(queue)
    assert sender.multiproc_safe
    assert not sender.is_open
    for own in traj.f_iter_runs(yields="self"):
        traj.v_storage_service = None
        own.v_storage_service = mpwrappers.QueueStorageServiceSender(queue, service)
        simulate(own)
    sender.send_done()
    thread.join(100)
    queue.close()
    queue.join_thread()
    assert results(traj, service) == [2, 4, 6, 8]


def test_the_lock_is_held_while_the_storage_is_kept_open(traj):
    lock = threading.Lock()
    wrapper = mpwrappers.LockWrapper(traj.v_storage_service, lock)
    traj.v_storage_service = wrapper
    traj.f_store()
    assert not lock.locked()
    wrapper.store("OPEN_FILE", None, trajectory_name=traj.v_name)
    assert wrapper.is_open
    assert wrapper.is_locked
    assert lock.locked()
    wrapper.store("CLOSE_FILE", None)
    assert not wrapper.is_open
    assert not lock.locked()


def overwrite(arguments):
    """Overwrite the stored result, with some of its names always the same; return what was set."""
    traj, number = arguments
    result = traj.f_get("shared")
    result.f_set(number=number, twice=np.full(1000, 2 * number))
    traj.f_store_item(result, overwrite=True)
    return number


@pytest.mark.parametrize("wrap_mode", SHARING)
def test_fifty_tasks_of_a_pool_overwrite_one_result(traj, wrap_mode):
    service = traj.v_storage_service
    traj.f_add_result("shared", number=-1, twice=np.full(1000, -2))
    traj.f_store()
    with MultiprocContext(traj, wrap_mode), FORK.Pool(4) as pool:
        done = pool.map(overwrite, [(traj, number) for number in range(50)], chunksize=1)
        pool.close()
        pool.join()
    assert done == list(range(50))
    assert traj.v_storage_service is service
    loaded = load_trajectory("own", storage_service=service, load_data=2)
    number = loaded.f_get("shared").f_get("number")
    assert number in range(50)
    # Not torn: both values are of one task.
    np.testing.assert_array_equal(loaded.f_get("shared").f_get("twice"), np.full(1000, 2 * number))
