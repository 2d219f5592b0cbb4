"""Overview tables, shared comments, and the data about the trajectory itself."""

import hashlib
import tracemalloc

import numpy as np
import pytest

pytest.importorskip("h5py")
pytest.importorskip("tables")
pytest.importorskip("pandas")

import pandas
import tables

from pypet import Trajectory
from pypet.records import Exploration, FrameItem, RunRows, StoreRequest
from pypet.storage_backends.hdf5 import HDF5StorageService
from tests.storage_backends.hdf5.record_makers import (
    TRAJ,
    apply,
    array,
    group,
    leaf,
    meta,
    new_service,
    number,
    read,
    run_rows,
)


def rows(service, name):
    with tables.open_file(service.filename) as file:
        return file.get_node(f"/{TRAJ}/overview/{name}").read()


def table_names(service):
    with tables.open_file(service.filename) as file:
        return {table.name for table in file.iter_nodes(f"/{TRAJ}/overview")}


def comments(service):
    return {record.path: record.comment for record in read(service) if record.kind == "leaf"}


# ----- which tables ----------------------------------------------------------------------------


def test_tables_follow_the_settings(tmp_path):
    always = {"info", "runs", "hdf5_settings", "explorations"}
    small = {"config_overview", "parameters_overview", "explored_parameters_overview"}
    large = {"derived_parameters_overview", "results_overview"}
    summaries = {"derived_parameters_summary", "results_summary"}
    chosen = {
        "default": ({}, small | summaries),
        "large": ({"large_overview_tables": True}, small | large | summaries),
        "none": (
            {
                "small_overview_tables": False,
                "summary_tables": False,
                "purge_duplicate_comments": False,
            },
            set(),
        ),
    }
    for name, (settings, expected) in chosen.items():
        folder = tmp_path / name
        folder.mkdir()
        assert table_names(new_service(folder, **settings)) == always | expected


def test_new_leaves_are_listed_once(tmp_path):
    service = new_service(tmp_path, large_overview_tables=True)
    parameter = leaf(
        "parameters.sub.x",
        number("data", 1),
        class_name="Parameter",
        comment="my x",
        summary="1.0",
        exploration=Exploration(3, "1.0, 2.0, 3.0"),
    )
    nodes = [parameter, leaf("config.c", summary="2"), leaf("results.r", summary="x=1")]
    for _ in range(2):
        apply(service, *nodes)
    expected = (b"parameters.sub", b"x", b"1.0", b"my x")
    assert rows(service, "parameters_overview").tolist() == [expected]
    assert rows(service, "explored_parameters_overview").tolist() == [
        (*expected, 3, b"1.0, 2.0, 3.0")
    ]
    assert rows(service, "config_overview").tolist() == [(b"config", b"c", b"2", b"")]
    assert rows(service, "results_overview").tolist() == [(b"results", b"r", b"x=1", b"")]


def test_the_only_row_is_replaced_by_one_about_the_same_leaf(tmp_path):
    from pypet.records import DeleteNode

    service = new_service(tmp_path)
    for value in ("1", "2"):
        apply(service, leaf("parameters.x", summary=value), DeleteNode("parameters.x", False))
    assert rows(service, "parameters_overview")["value"].tolist() == [b"2"]


def test_overview_tables_are_capped(tmp_path):
    service = new_service(tmp_path)
    service.open()
    assert service.wants_summary("parameters.p", "")
    for start in range(0, 1200, 300):
        apply(service, *[leaf(f"parameters.p{start + index}") for index in range(300)])
    service.close()
    assert len(rows(service, "parameters_overview")) == 1000


def test_long_text_is_cut_between_characters(tmp_path):
    service = new_service(tmp_path)
    apply(service, leaf("parameters.x", summary="ä" * 100, comment="ß" * 600))
    row = rows(service, "parameters_overview")[0]
    assert row["value"].decode("utf8") == "ä" * 30 + "..."
    assert row["comment"].decode("utf8") == "ß" * 254 + "..."


# ----- comments --------------------------------------------------------------------------------


def test_one_comment_of_each_kind_is_kept(tmp_path):
    service = new_service(tmp_path)
    for index in range(3):
        apply(
            service,
            leaf(f"results.runs.run_{index:08}.z", comment="same", summary=f"z={index}"),
            leaf(f"results.runs.run_{index:08}.y", comment=f"own {index}"),
            leaf(f"parameters.p{index}", comment="same"),
        )
    assert list(comments(service).values()) == [
        *["same"] * 3,
        "own 0",
        "same",
        "own 1",
        "",
        "own 2",
        "",
    ]
    table = rows(service, "results_summary")
    assert table["comment"].tolist() == [b"same", b"own 0", b"own 1", b"own 2"]
    assert table["value"].tolist()[0] == b"z=0"
    digest = hashlib.sha1(b"same").hexdigest().encode()
    assert table["hexdigest"].tolist()[0] == digest
    assert len(rows(service, "derived_parameters_summary")) == 0


def test_comments_are_kept_everywhere_without_purging(tmp_path):
    service = new_service(tmp_path, purge_duplicate_comments=False)
    apply(service, *[leaf(f"results.r{index}", comment="same") for index in range(3)])
    assert set(comments(service).values()) == {"same"}
    assert len(rows(service, "results_summary")) == 1


def test_comments_are_known_to_later_services_and_after_flushing(tmp_path):
    service = new_service(tmp_path)
    for index in range(4):
        other = HDF5StorageService(filename=service.filename)
        apply(other, leaf(f"results.r{index}", comment="same"))
    service.open()
    apply(service, leaf("results.r5", comment="same"), leaf("results.r6", comment="new"))
    service.flush()
    apply(service, leaf("results.r7", comment="new"))
    service.close()
    assert len(rows(service, "results_summary")) == 2
    assert [path for path, comment in comments(service).items() if comment] == [
        "results.r0",
        "results.r6",
    ]


def test_a_file_that_was_replaced_has_its_own_comments(tmp_path):
    service = new_service(tmp_path)
    apply(service, leaf("results.r", comment="same"))
    replaced = new_service(tmp_path, overwrite_file=True)
    apply(replaced, leaf("results.r", comment="same"))
    assert comments(replaced) == {"results.r": "same"}


def test_summaries_are_asked_for_only_where_they_are_shown(tmp_path):
    service = new_service(tmp_path)
    assert service.wants_summary("parameters.x", "")
    assert not service.wants_summary("results.r", "")
    assert not service.wants_summary("other.r", "c")
    assert service.wants_summary("results.r", "c")
    service.open()
    assert service.wants_summary("results.r", "c")
    apply(service, leaf("results.r", comment="c"))
    assert not service.wants_summary("results.r2", "c")
    service.close()


# ----- meta data -------------------------------------------------------------------------------


def test_meta_data_comes_back(tmp_path):
    service = HDF5StorageService(filename=tmp_path / "x.hdf5", complevel=3, encoding="latin1")
    put = meta(
        3,
        comment="my comment",
        annotations={"a": 1},
        explorations=("parameters.x", "parameters.größe"),
        settings={"overview.config_overview": False, "results_per_run": 7},
    )
    apply(service, put)
    found = HDF5StorageService(filename=service.filename).read_meta(TRAJ, with_runs=True)
    assert found.info == put.info
    assert dict(found.annotations) == {"a": 1}
    assert found.explorations == put.explorations
    expected = {name: value for name, (value, _) in service.settings().items()}
    assert dict(found.settings) == expected
    assert found.settings["complevel"] == 3
    assert found.settings["encoding"] == "latin1"
    assert found.settings["results_per_run"] == 7
    assert found.settings["overview.config_overview"] is False
    assert len(found.runs) == 3
    assert service.read_meta(TRAJ, with_runs=False).runs is None


def test_purging_needs_summary_tables(tmp_path):
    with pytest.raises(ValueError, match="summary_tables"):
        HDF5StorageService(filename=tmp_path / "x.hdf5", summary_tables=False)
    service = HDF5StorageService(filename=tmp_path / "x.hdf5")
    with pytest.raises(RuntimeError, match="results_summary"):
        apply(service, meta(settings={"overview.results_summary": False}))


def test_a_taken_name_is_an_error_but_the_same_request_is_not(tmp_path):
    service = new_service(tmp_path)
    apply(service, meta())
    with pytest.raises(RuntimeError, match="already a trajectory 'traj'"):
        apply(service, meta(timestamp=2000.0))


def test_info_and_explorations_follow_the_latest_request(tmp_path):
    service = new_service(tmp_path)
    apply(service, meta(2, is_new=False, comment="new", explorations=("parameters.a",)))
    apply(service, meta(2, is_new=False, comment="newer", explorations=("parameters.b",)))
    found = service.read_meta(TRAJ, with_runs=False)
    assert (found.info.comment, found.info.length) == ("newer", 2)
    assert found.explorations == ("parameters.b",)
    assert len(rows(service, "info")) == 1


# ----- runs ------------------------------------------------------------------------------------


def finished(idx, **changes):
    count = len(idx)
    return run_rows(
        count,
        idx=np.array(idx),
        completed=np.ones(count, np.int8),
        timestamp=np.full(count, 1e9) + idx,
        finish_timestamp=np.full(count, 1e9 + 1.5) + idx,
        environment=np.zeros(count, np.int32),
        hexshas=("abcdef0",),
        **changes,
    )


def test_run_rows_are_appended_and_changed_by_index(tmp_path):
    service = new_service(tmp_path)
    explored = {"parameters.sub.x": range(10, 20), "parameters.y": list("abcdefghij")}
    apply(service, meta(4, is_new=False))
    apply(service, meta(10, is_new=False, runs=finished([1, 2, 7], explored=explored)))
    runs = service.read_meta(TRAJ, with_runs=True).runs
    assert runs.idx.tolist() == list(range(10))
    assert np.flatnonzero(runs.completed).tolist() == [1, 2, 7]
    assert runs.timestamp[7] == 1e9 + 7
    assert runs.timestamp[8] == 42.0
    assert runs.environment.tolist() == [-1, 0, 0, -1, -1, -1, -1, 0, -1, -1]
    assert runs.hexshas == ("abcdef0",)
    assert runs.text["parameter_summary"][7] == b"x: 17,   y: 'h'"
    assert runs.text["runtime"][7] == b"0:00:01.500000"
    table = rows(service, "runs")
    assert table["name"][7] == b"run_00000007"
    assert table["short_environment_hexsha"][7] == b"abcdef0"
    assert table["short_environment_hexsha"][8] == b"N/A"


@pytest.mark.parametrize(
    "settings", [{}, {"shuffle": False}, {"complevel": 0}, {"fletcher32": True}]
)
def test_long_stretches_of_rows_are_changed_wherever_they_begin_and_end(tmp_path, settings):
    service = new_service(tmp_path, **settings)
    length = 3000
    apply(service, meta(length, is_new=False))
    done = [*range(100, 900), *range(1024, 1500), *range(2500, 3200)]
    apply(service, meta(3300, is_new=False, runs=finished(done, explored={"x": range(3300)})))
    table = rows(service, "runs")
    assert table["idx"].tolist() == list(range(3300))
    assert np.flatnonzero(table["completed"]).tolist() == done
    assert table["parameter_summary"][done].tolist() == [b"x: %d" % index for index in done]
    assert table["name"][3299] == b"run_00003299"
    apply(service, meta(3300, is_new=False, runs=finished([3299])))
    assert np.flatnonzero(rows(service, "runs")["completed"]).tolist() == [*done, 3299]


def test_runs_of_own_names_keep_them(tmp_path):
    service = new_service(tmp_path)
    apply(service, meta(2, is_new=False, runs=run_rows(2, names=["a", "b"])))
    assert service.read_meta(TRAJ, with_runs=True).runs.names == ["a", "b"]


def test_texts_that_were_read_are_written_again(tmp_path):
    service = new_service(tmp_path)
    text = {
        "time": np.array([b"then", b"now"]),
        "runtime": np.array([b"long", b""]),
        "parameter_summary": np.array(["ä".encode() * 300, b"x"]),
    }
    apply(service, meta(2, is_new=False, runs=run_rows(2, text=text)))
    found = service.read_meta(TRAJ, with_runs=True).runs.text
    assert found["time"].tolist() == [b"then", b"now"]
    assert found["parameter_summary"][0].decode() == "ä" * 254 + "..."


def test_many_runs_need_little_memory(tmp_path):
    count = 50_000
    service = HDF5StorageService(filename=tmp_path / "x.hdf5", complevel=1)
    request = StoreRequest(TRAJ, (meta(count),))
    tracemalloc.start()
    service.apply(request)
    _, written = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    runs: RunRows = service.read_meta(TRAJ, with_runs=True).runs
    _, loaded = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(runs) == count
    # A row has 709 bytes in the file; so much for all of them would be 35 MB.
    assert written < 12e6
    assert loaded < 20e6


def test_a_group_alone_is_no_leaf_of_an_overview(tmp_path):
    service = new_service(tmp_path)
    apply(service, group("parameters.g", comment="c"))
    assert len(rows(service, "parameters_overview")) == 0


# ----- leaves that cannot be stored ------------------------------------------------------------


def broken_items():
    return {
        "array": array("x", np.array([object()])),
        "frame": FrameItem("x", "FRAME", pandas.DataFrame({"a": [{1}, 2j]}), {"format": "table"}),
    }


@pytest.mark.parametrize("kind", ["array", "frame"])
@pytest.mark.parametrize("is_kept_open", [False, True])
def test_a_new_leaf_that_fails_leaves_no_row(tmp_path, kind, is_kept_open):
    service = new_service(tmp_path, large_overview_tables=True)
    if is_kept_open:
        service.open()
    bad = leaf("results.bad", number("y", 1), broken_items()[kind], comment="kept")
    with pytest.raises((TypeError, ValueError)):
        apply(service, bad)
    with pytest.raises((TypeError, ValueError)):
        apply(service, bad._replace(path="results.deeper.bad"))
    service.close()
    assert len(rows(service, "results_summary")) == 0
    assert len(rows(service, "results_overview")) == 0
    apply(service, leaf("results.good", number("y", 1), comment="kept"))
    assert comments(service) == {"results.good": "kept"}
    assert rows(service, "results_summary")["name"].tolist() == [b"good"]
    assert rows(service, "results_overview")["name"].tolist() == [b"good"]


def test_a_result_that_cannot_be_stored_is_in_no_overview(tmp_path):
    path = tmp_path / "data.hdf5"
    traj = Trajectory(TRAJ, filename=path, add_time=False, large_overview_tables=True)
    traj.f_store(only_init=True)
    bad = traj.f_add_result("bad", pandas.DataFrame({"a": [{1}, 2j]}), comment="never stored")
    with pytest.raises((TypeError, ValueError)):
        traj.f_store_item(bad, format="table")
    with tables.open_file(path) as file:
        for name in ("results_summary", "results_overview"):
            assert len(file.get_node(f"/{TRAJ}/overview/{name}")) == 0


@pytest.mark.parametrize("kind", ["array", "frame"])
def test_a_comment_outlives_the_failing_leaf_that_had_it_first(tmp_path, kind):
    service = new_service(tmp_path)
    bad = leaf("results.a", broken_items()[kind], comment="shared")
    good = leaf("results.b", number("y", 1), comment="shared")
    with pytest.raises((TypeError, ValueError)):
        apply(service, bad, good)
    apply(service, good)
    assert comments(service) == {"results.b": "shared"}
    assert rows(service, "results_summary")["name"].tolist() == [b"b"]


def test_leaves_after_a_failing_one_are_complete_when_they_are_stored_again(tmp_path):
    service = new_service(tmp_path)
    nodes = [
        leaf("results.g.bad", array("x", np.array([object()])), comment="bad"),
        leaf("results.g.good", number("y", 1), comment="good", annotations={"a": 1}),
    ]
    with pytest.raises(TypeError):
        apply(service, *nodes)
    apply(service, nodes[1])
    record = {each.path: each for each in read(service)}["results.g.good"]
    assert (record.comment, record.annotations, len(record.items)) == ("good", {"a": 1}, 1)


def test_a_comment_of_a_leaf_with_frames_is_kept_once(tmp_path):
    service = new_service(tmp_path)
    frame = FrameItem("f", "FRAME", pandas.DataFrame({"a": [1]}))
    apply(service, *[leaf(f"results.r{i}", frame, number("y", 1), comment="same") for i in (1, 2)])
    assert comments(service) == {"results.r1": "same", "results.r2": ""}
    assert rows(service, "results_summary")["name"].tolist() == [b"r1"]


def test_overwriting_with_a_comment_that_is_too_long_keeps_the_old_one(tmp_path):
    service = new_service(tmp_path)
    apply(service, leaf("results.r", comment="old", annotations={"a": "old"}))
    for changes in ({"comment": "x" * 70_000}, {"annotations": {"a": "x" * 70_000}}):
        replacement = leaf("results.r", **{"comment": "old", **changes}, overwrite=True)
        with pytest.raises(ValueError, match="70000 bytes"):
            apply(service, replacement)
        (record,) = read(service, "results.r")
        assert (record.comment, record.annotations) == ("old", {"a": "old"})
