"""What the main script defined comes back in a process that executes another one, or the same."""

from __future__ import annotations

import multiprocessing
import sys
import textwrap

import pytest

from pypet import ResumeError
from pypet.plugins.resume.snapshots import (
    FunctionReference,
    MainScript,
    read_header,
    read_payload,
    resolve,
    script_in_place,
    script_of,
)
from tests.plugins.resume.scripts import run, script

EXPERIMENT = """
    import dataclasses
    import functools
    import sys
    from enum import Enum

    from pypet import Parameter, Trajectory
    from pypet.plugins.resume.snapshots import refer, write_snapshot

    ARGUMENTS = sys.argv[1:]


    class Unit(Enum):
        SECOND = 1


    class Special(Parameter):
        pass


    @dataclasses.dataclass
    class Model:
        gain: float

        def __call__(self, traj):
            return self.gain

        def run(self, traj):
            return 10 * self.gain


    @functools.lru_cache
    def simulate(traj):
        from beside import FACTOR  # imported when the run is executed

        return FACTOR, ARGUMENTS


    def post(traj, results):
        return __name__


    if __name__ == '__main__':
        blocking_forks = 4
        traj = Trajectory('t')
        traj.f_add_parameter(Special, 'x', 1)
        payload = {
            'trajectory': traj,
            'simulate': simulate,
            'post': post,
            'model': Model(2.0),
            'method': Model(3.0).run,
            'partial': functools.partial(post, results=None),
            'unit': Unit.SECOND,
            'module': sys.modules['__main__'],
        }
        if 'dill' in sys.argv:
            payload['by_value'] = lambda traj: (blocking_forks, post(traj, None), Unit.SECOND)
        write_snapshot(sys.argv[1], {'function': refer(simulate)._asdict()}, payload)
"""

RESUMING = """
    import multiprocessing
    import pickle
    import sys

    from pypet.plugins.resume.snapshots import (
        FunctionReference, read_header, read_payload, resolve, script_in_place, script_of,
        write_snapshot,
    )


    def own(traj):
        return 'own'


    def check(payload):
        model, method, unit = payload['model'], payload['method'], payload['unit']
        assert (model(None), method(None), unit.value) == (2.0, 30.0, 1)
        assert type(payload['trajectory'].f_get('x')).__name__ == 'Special'
        assert type(model) is type(method.__self__) is payload['module'].Model
        assert payload['module'].Unit.SECOND is unit
        assert payload['partial'](None) == payload['post'](None, None) == '__main__'
        if 'by_value' in payload:
            assert payload['by_value'](None) == (4, '__main__', unit)


    if __name__ == '__main__':
        path, *kinds = sys.argv[1:]
        before = sys.modules['__main__'], sys.modules['__mp_main__'], [*sys.argv], [*sys.path]
        header = read_header(path)
        payload = read_payload(path)
        check(payload)
        reference = FunctionReference.from_mapping(header['function'])
        assert resolve(reference, script_of(header)) is payload['simulate']
        with script_in_place(script_of(header)):
            assert sys.modules['__main__'] is payload['module']
            for kind in kinds:
                with multiprocessing.get_context(kind).Pool(1) as pool:
                    assert pool.apply(payload['simulate'], (None,)) == (5, [path, 'dill']), kind
                    assert pool.apply(payload['method'], (None,)) == 30.0
                    special = payload['trajectory'].f_get('x')
                    assert type(pool.apply(type(special), ('y', 1))) is type(special)
            write_snapshot(path, {}, payload)
        assert before == (sys.modules['__main__'], sys.modules['__mp_main__'], sys.argv, sys.path)
        assert pickle.loads(pickle.dumps(own)) is own
        again = read_payload(path)
        check(again)
        assert again['simulate'] is payload['simulate']
        print('resumed')
"""
READING = """
    import logging
    import sys

    from pypet.plugins.resume.snapshots import read_payload

    logging.basicConfig(format='%(message)s')
    print(read_payload(sys.argv[1])['function'](None))
"""
WRITING = """
    import sys

    from pypet.plugins.resume.snapshots import write_snapshot
"""


@pytest.fixture
def snapshot(tmp_path):
    return tmp_path / "environment.ecnt"


@pytest.fixture
def resuming(tmp_path):
    """Return a script in another folder than that of the experiment."""
    return script(tmp_path, "elsewhere/resuming.py", RESUMING)


@pytest.fixture
def reading(tmp_path):
    return script(tmp_path, "elsewhere/reading.py", READING)


def test_another_script_resumes(tmp_path, snapshot, resuming):
    pytest.importorskip("dill")
    script(tmp_path, "project/beside.py", "FACTOR = 5")
    experiment = script(tmp_path, "project/experiment.py", EXPERIMENT)
    run(experiment, snapshot, "dill", cwd=tmp_path / "project")
    kinds = multiprocessing.get_all_start_methods()
    assert run(resuming, snapshot, *kinds, cwd="/") == "resumed\n"


def test_another_script_resumes_what_python_m_started(tmp_path, snapshot, resuming):
    script(tmp_path, "project/beside.py", "FACTOR = 5")
    script(tmp_path, "project/package/__init__.py", "")
    script(tmp_path, "project/package/experiment.py", EXPERIMENT)
    run("-m", "package.experiment", snapshot, "dill", cwd=tmp_path / "project")
    assert run(resuming, snapshot, "spawn", cwd="/") == "resumed\n"


def test_a_folder_with_a_main_script_resumes(tmp_path, snapshot, reading):
    text = (
        WRITING
        + """
    def simulate(traj):
        return 'of the folder'

    if __name__ == '__main__':
        write_snapshot(sys.argv[1], {}, {'function': simulate})
    """
    )
    script(tmp_path, "project/__main__.py", text)
    run("project", snapshot, cwd=tmp_path)
    assert run(reading, snapshot, cwd="/") == "of the folder\n"


SAME = (
    WRITING
    + """
    from pypet.plugins.resume.snapshots import read_payload, read_header, refer, resolve
    from pypet.plugins.resume.snapshots import FunctionReference

    print('executed')

    def simulate(traj):
        return 1

    if __name__ == '__main__':
        if sys.argv[2] == 'start':
            write_snapshot(sys.argv[1], refer(simulate)._asdict(), {'function': simulate})
        else:
            assert read_payload(sys.argv[1])['function'] is simulate
            header = read_header(sys.argv[1])
            header.pop('payload')
            assert resolve(FunctionReference.from_mapping(header)) is simulate
"""
)


def test_the_same_script_resumes_with_its_own_functions(tmp_path, snapshot):
    experiment = script(tmp_path, "experiment.py", SAME)
    (tmp_path / "link.py").symlink_to(experiment)
    run(experiment, snapshot, "start", cwd=tmp_path)
    assert run("experiment.py", snapshot, "resume", cwd=tmp_path) == "executed\n"
    assert run("link.py", snapshot, "resume", cwd=tmp_path) == "executed\n"


def test_a_script_that_was_moved_resumes_with_its_own_functions(tmp_path, snapshot):
    experiment = script(tmp_path, "here/experiment.py", SAME)
    run(experiment, snapshot, "start", cwd=tmp_path)
    experiment.parent.rename(tmp_path / "there")
    assert run("there/experiment.py", snapshot, "resume", cwd=tmp_path) == "executed\n"


def test_what_is_defined_in_a_session_is_in_the_snapshot(tmp_path, snapshot, reading):
    pytest.importorskip("dill")
    code = (
        WRITING
        + """
    class Model:
        gain = 7

    offset = 1

    def helper(model):
        return model.gain + offset

    def simulate(traj):
        return helper(Model())

    write_snapshot(sys.argv[1], {}, {'function': simulate})
    """
    )
    run("-c", textwrap.dedent(code), snapshot, cwd=tmp_path)
    assert run(reading, snapshot, cwd="/") == "8\n"


def test_loaded_functions_travel_to_workers_that_know_no_script(tmp_path, snapshot):
    pytest.importorskip("cloudpickle")
    script(tmp_path, "beside.py", "FACTOR = 5")
    experiment = script(tmp_path, "experiment.py", EXPERIMENT)
    run(experiment, snapshot, cwd=tmp_path)
    sending = """
    import sys, cloudpickle
    from pypet.plugins.resume.snapshots import read_header, read_payload, script_in_place, script_of
    payload = read_payload(sys.argv[1])
    with open(sys.argv[2], 'wb') as file, script_in_place(script_of(read_header(sys.argv[1]))):
        cloudpickle.dump([payload['post'], payload['method'], payload['model']], file)
    """
    receiving = """
    import sys, pickle
    with open(sys.argv[1], 'rb') as file:
        post, method, model = pickle.load(file)
    print(post(None, None), method(None), model(None))
    """
    sent = tmp_path / "sent.pickle"
    run(script(tmp_path, "elsewhere/sending.py", sending), snapshot, sent, cwd="/")
    received = run(script(tmp_path, "elsewhere/receiving.py", receiving), sent, cwd="/")
    assert received == "__main__ 30.0 2.0\n"


# ----- what goes wrong -------------------------------------------------------------------------

PLAIN = (
    WRITING
    + """
    def simulate(traj):
        return 1

    if __name__ == '__main__':
        write_snapshot(sys.argv[1], {}, {'function': simulate})
"""
)


class Started:
    """An experiment that another process has started, with a script that may change."""

    def __init__(self, folder):
        self.script = script(folder, "project/experiment.py", PLAIN)
        self.text = self.script.read_text()
        self.snapshot = folder / "environment.ecnt"
        run(self.script, self.snapshot, cwd=folder)

    def fail(self, text):
        """Return the error of resuming it with another text of the script, None for no script."""
        if text is None:
            self.script.unlink()
        else:
            self.script.write_text(text)
        try:
            with pytest.raises(ResumeError) as failure:
                read_payload(self.snapshot)
        finally:
            self.script.write_text(self.text)
        assert failure.value.__notes__ == [f"pypet: the snapshot is {self.snapshot}"]
        return str(failure.value)


@pytest.fixture(scope="module")
def started(tmp_path_factory):
    return Started(tmp_path_factory.mktemp("started"))


def test_a_script_that_is_gone_is_named(started):
    error = started.fail(None)
    assert f"The script of the experiment, {started.script}, is gone" in error
    assert "Put it back, or call `resume` from the script itself" in error


def test_a_function_that_is_gone_is_named(started):
    error = started.fail(started.text.replace("simulate", "execute"))
    assert f"`simulate` is needed to resume the experiment, but {started.script} does not" in error
    assert "not below if __name__ == '__main__'" in error


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("raise SystemExit('no such option')", "SystemExit: no such option"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("def broken(", "cannot be loaded: "),
    ],
)
def test_a_script_that_cannot_be_loaded_says_why(started, line, reason):
    error = started.fail(f"{started.text}\n{line}\n")
    assert error.startswith(f"The script {started.script} ")
    assert reason in error


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("pypet.Environment(filename=FILE, overwrite_file=True)", "an environment"),
        (
            "pypet.HDF5StorageService(FILE, overwrite_file=True)",
            "a storage service that overwrites its file",
        ),
    ],
)
def test_a_script_without_guard_does_not_start_the_experiment_again(started, tmp_path, line, what):
    pytest.importorskip("h5py")
    data = tmp_path / "data.hdf5"
    data.write_bytes(b"what was there")
    error = started.fail(f"{started.text}\nimport pypet\nFILE = {str(data)!r}\n{line}\n")
    assert f"makes {what} although it is only loaded for the functions" in error
    assert "below if __name__ == '__main__'; or call `resume` from the script itself" in error
    assert data.read_bytes() == b"what was there"


def test_a_script_that_was_changed_is_loaded_anew(started):
    first = read_payload(started.snapshot)["function"]
    assert first(None) == 1
    assert read_payload(started.snapshot)["function"] is first
    started.script.write_text(started.text.replace("return 1", "return 2"))
    changed = read_payload(started.snapshot)["function"]
    assert changed(None) == 2
    with script_in_place(script_of(read_header(started.snapshot))):
        assert sys.modules["__main__"].simulate is changed
    started.script.write_text(started.text)
    assert read_payload(started.snapshot)["function"] is first
    with script_in_place(script_of(read_header(started.snapshot))):
        assert sys.modules["__main__"].simulate is first


def test_globals_that_only_the_experiment_had_are_warned_of(tmp_path, snapshot, reading):
    text = (
        WRITING
        + """
    def simulate(traj):
        return 'fine' if traj is None else [traj.x * gain for _ in range(number)]

    if __name__ == '__main__':
        gain, number = 1, 2
        write_snapshot(sys.argv[1], {}, {'function': simulate})
    """
    )
    experiment = script(tmp_path, "experiment.py", text)
    run(experiment, snapshot, cwd=tmp_path)
    warned = f"`simulate` of {experiment} uses `gain`, `number`, which the script does not define"
    catching = READING.replace("%(message)s'", "%(message)s', stream=sys.stdout")
    other = script(tmp_path, "elsewhere/catching.py", catching)
    printed = run(other, snapshot, cwd="/")
    assert printed.startswith(warned)
    assert printed.endswith("fine\n")


def test_a_module_that_is_gone_is_named(tmp_path, snapshot, reading):
    text = (
        WRITING
        + """
    from model import simulate
    write_snapshot(sys.argv[1], {}, {'function': simulate})
    """
    )
    model = script(tmp_path, "project/model.py", "def simulate(traj):\n    return 'of a module'")
    experiment = script(tmp_path, "project/experiment.py", text)
    run(experiment, snapshot, cwd=tmp_path)
    assert run(reading, snapshot, cwd="/") == "of a module\n"
    model.unlink()
    errors = run(reading, snapshot, cwd="/", fails=True)
    assert "The module 'model', which has `simulate`, is needed to resume" in errors
    assert "PYTHONPATH" in errors


def test_a_reference_without_its_script_says_where_that_was(tmp_path):
    path = str(tmp_path / "gone.py")
    reference = FunctionReference("__main__", "simulate", path, None, None, True)
    for script_known in (None, MainScript(path)):
        with pytest.raises(ResumeError, match=r"gone\.py, is gone"):
            resolve(reference, script_known)
