"""Broken storage services, one line of difference each."""

from __future__ import annotations

import contextlib
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pypet.records import (
    ArrayItem,
    DeleteItems,
    DeleteLink,
    DeleteNode,
    FrameItem,
    NodeRecord,
    PutLink,
    PutNode,
    TableItem,
)
from pypet.services.transfer import NodeCopy
from pypet.storage_backends.memory import MemoryStorageService as Memory
from tests.mutants.mutant import Mutant
from tests.mutants.storage_patches import (
    annotations,
    array,
    calls,
    dtype,
    item,
    members,
    meta,
    node,
    read,
    read_meta,
    read_with,
    rows,
    written,
)
from tests.third_party.shelf_store import ShelfStorageService as Shelf

MEGABYTE = 1 << 20
RUNS = "results.runs."
KEPT: dict[str, Any] = {}
"""What services keep in the process by mistake; cleared after each test."""
OPEN: list[Any] = []
"""Files that they leave open; closed after each test."""


def is_text(value: np.ndarray) -> bool:
    return value.dtype.kind == "S"


def is_float(value: np.ndarray) -> bool:
    return value.dtype.kind == "f"


def stripped(value: np.ndarray) -> np.ndarray:
    return np.array([cell.strip() for cell in value.ravel()], "S").reshape(value.shape)


def cut(rows_: Any, count: int) -> Any:
    """The first rows of a run table."""
    return next(iter(rows_.blocks(count)), rows_)


def kept_in_process(base: Any, self: Any, request: Any) -> None:
    KEPT.setdefault(str(self.path), self._memory).apply(request)


def process_memory(base: Any, self: Any, shelf_file: Any) -> None:
    base.__init__(self, shelf_file)
    self._memory = KEPT.get(str(self.path), self._memory)


def written_over(base: Any, self: Any, request: Any) -> None:
    """Read all, wait, and write all with the addition: what others wrote meanwhile is lost."""
    before = self.path.read_bytes() if self.path.exists() else b""
    base.apply(self, request)
    added = self.path.read_bytes()[len(before) :]
    time.sleep(0.01)
    self.path.write_bytes(before + added)


def deleted_first(base: Any, self: Any, request: Any) -> None:
    """Delete what is to be replaced, then put the new."""
    for each in request.operations:
        if isinstance(each, PutNode) and each.overwrite and each.items:
            names = tuple(one.name for one in each.items)
            base.apply(self, request._replace(operations=(DeleteItems(each.path, names),)))
    base.apply(self, request)


def without_file(base: Any, self: Any, request: Any) -> None:
    if self.is_kept_open:
        self._memory.apply(request)
    else:
        base.apply(self, request)


def first_table_row(each: TableItem) -> TableItem:
    columns = [column._replace(values=column.values[:1]) for column in each.columns]
    return each._replace(columns=tuple(columns))


def left_open(base: Any, self: Any, *args: Any) -> None:
    """Close or write, and open the file again."""
    (base.close if not args else base.apply)(self, *args)
    OPEN.append(Path(self.path if base is Shelf else self.filename).open("rb"))  # noqa: SIM115


def states_read(change: Any) -> Any:
    """Change which runs are read as completed."""
    return read_meta(
        lambda m: m._replace(runs=m.runs and replace(m.runs, completed=change(m.runs.completed)))
    )


def unshared(base: Any, self: Any, *args: Any, **options: Any) -> Any:
    """The records that were read first, again."""
    for each in base.read_nodes(self, *args, **options):
        yield KEPT.setdefault(each.path, each) if each.items else each


def turned_when_read(base: Any) -> Any:
    """Turn large arrays around that are read."""

    def turned(each: NodeRecord) -> NodeRecord:
        changed = (
            one._replace(value=np.flip(one.value))
            if isinstance(one, ArrayItem) and one.value.size > 1000
            else one
            for one in each.items or ()
        )
        return each._replace(items=each.items and tuple(changed))

    return read(turned)(base)


def hdf5() -> type:
    from pypet.storage_backends.hdf5 import HDF5StorageService

    return HDF5StorageService


def shelf_mutants() -> list[Mutant]:
    """Mutants of the shelf, which keeps requests in a file."""
    table: list[tuple[str, str, Any, str]] = [
        # ----- nothing, or in the wrong place
        ("writes_nothing", "requests are accepted and forgotten",
         members(apply=lambda self, request: None), "test_everything_comes_back_equal"),
        ("writes_to_memory_only", "the file is never written",
         members(apply=lambda self, request: self._memory.apply(request)),
         "test_everything_comes_back_equal"),
        ("keeps_in_process", "data is shared by all services of one process only",
         lambda base: calls(apply=kept_in_process, __init__=process_memory)(base),
         "test_another_process_reads_what_was_stored"),
        ("forgets_while_open", "what is stored while the storage is kept open is lost",
         calls(apply=without_file), "test_what_is_stored_while_kept_open_comes_back"),
        ("one_trajectory", "all trajectories are kept under one name",
         calls(apply=lambda base, self, r: base.apply(self, r._replace(trajectory="conformance"))),
         "test_a_second_trajectory_has_its_own_data"),
        ("order_of_names", "indices count trajectories from the end",
         calls(trajectory_names=lambda base, self: base.trajectory_names(self)[::-1]),
         "test_a_second_trajectory_has_its_own_data"),
        ("takes_twins", "a new trajectory of a stored name is mixed with the stored one",
         meta(lambda put: put._replace(is_new=False)),
         "test_new_trajectory_of_a_stored_name_is_refused"),
        # ----- comments and annotations
        ("comments_lost", "comments are not kept",
         node(lambda put: put._replace(comment="")), "test_comments_of_all_nodes_come_back"),
        ("comments_cut", "comments are cut after 80 characters",
         node(lambda put: put._replace(comment=put.comment[:80])),
         "test_comments_of_all_nodes_come_back"),
        ("comments_of_groups_lost", "only leaves keep their comments",
         node(lambda put: put._replace(comment=put.comment if put.is_leaf else "")),
         "test_comments_of_all_nodes_come_back"),
        ("comments_in_ascii", "other letters in comments become question marks",
         node(lambda put: put._replace(comment=put.comment.encode("ascii", "replace").decode())),
         "test_comments_of_all_nodes_come_back"),
        ("comment_of_root_lost", "the trajectory's own comment is not kept",
         meta(lambda put: put._replace(info=put.info._replace(comment=""))),
         "test_identity_comes_back"),
        ("comments_overwritten", "plain storing replaces comments and annotations",
         node(lambda put: [put, put._replace(items=(), overwrite=True)]),
         "test_plain_storing_keeps_stored_comments_and_annotations"),
        ("comments_stay", "overwriting does not replace comments",
         node(lambda put: put._replace(comment="" if put.overwrite else put.comment)),
         "test_overwriting_replaces_comments_and_annotations"),
        ("annotations_lost", "annotations are not kept",
         node(lambda put: put._replace(annotations={})), "test_types_of_annotations_come_back"),
        ("annotations_of_leaves_lost", "only groups keep annotations",
         node(lambda put: put._replace(annotations={}) if put.is_leaf else put),
         "test_types_of_annotations_come_back"),
        ("annotations_of_root_lost", "the trajectory's own annotations are not kept",
         meta(lambda put: put._replace(annotations={})), "test_types_of_annotations_come_back"),
        ("annotations_as_text", "annotations are kept as text",
         annotations(str), "test_types_of_annotations_come_back"),
        ("annotations_as_floats", "integers in annotations become floats",
         annotations(lambda value: float(value) if type(value) is int else value),
         "test_types_of_annotations_come_back"),
        ("annotations_as_lists", "tuples and arrays in annotations become lists",
         annotations(lambda v: list(v) if isinstance(v, tuple | np.ndarray) else v),
         "test_types_of_annotations_come_back"),
        ("annotations_in_single_precision", "floats in annotations are cut to 32 bits",
         annotations(lambda v: float(np.float32(v)) if type(v) is float else v),
         "test_types_of_annotations_come_back"),
        ("annotations_widened", "arrays in annotations become 64 bits wide",
         annotations(lambda v: v.astype("f8") if isinstance(v, np.ndarray) else v),
         "test_types_of_annotations_come_back"),
        ("empty_annotations_lost", "an annotation '' is left out",
         node(lambda put: put._replace(
             annotations={k: v for k, v in put.annotations.items() if type(v) is not str or v})),
         "test_types_of_annotations_come_back"),
        ("classes_lost", "the class of a leaf is not kept",
         node(lambda put: put._replace(class_name="Parameter" if put.is_leaf else None)),
         "test_everything_comes_back_equal"),
        # ----- numbers
        ("doubles_cut", "float64 is stored as float32", dtype("f8", "f4"),
         "test_thirds_come_back_exactly"),
        ("thirds_rounded", "floats are rounded to 12 digits",
         array(is_float, lambda v: np.round(v, 12).astype(v.dtype)),
         "test_thirds_come_back_exactly"),
        ("singles_widened", "float32 is stored as float64", dtype("f4", "f8"),
         "test_dtypes_of_arrays_come_back[f4]"),
        ("bytes_widened", "int8 is stored as int64", dtype("i1", "i8"),
         "test_dtypes_of_arrays_come_back[i1]"),
        ("sign_gained", "uint16 is stored as int16", dtype("u2", "i2"),
         "test_dtypes_of_arrays_come_back[u2]"),
        ("booleans_as_bytes", "bool is stored as int8", dtype("?", "i1"),
         "test_dtypes_of_arrays_come_back[?]"),
        ("complex_cut", "complex128 is stored as complex64", dtype("c16", "c8"),
         "test_dtypes_of_arrays_come_back[c16]"),
        ("integers_through_floats", "integers go through float64",
         array(lambda v: v.dtype == "i8", lambda v: v.astype("f8").clip(-9e18, 9e18).astype("i8")),
         "test_integers_of_64_bits_come_back_exactly"),
        ("integers_cut", "integers keep 32 bits",
         array(lambda v: v.dtype == "i8", lambda v: v.astype("i4").astype("i8")),
         "test_integers_of_64_bits_come_back_exactly"),
        ("byte_order_lost", "arrays come back in the order of the machine",
         item(ArrayItem, lambda i: i._replace(order=None)),
         "test_byte_order_of_arrays_comes_back[>]"),
        ("nan_as_zero", "NaN becomes 0", array(is_float, lambda v: np.where(v != v, 0, v)),
         "test_nan_and_infinity_come_back"),
        ("infinity_as_nan", "infinity becomes NaN",
         array(is_float, lambda v: np.where(np.isinf(v), np.nan, v)),
         "test_nan_and_infinity_come_back"),
        ("negative_zero_lost", "-0.0 becomes 0.0", array(is_float, lambda v: v + 0.0),
         "test_nan_and_infinity_come_back"),
        ("large_arrays_dropped", "arrays past 1 MB are left out",
         item(ArrayItem, lambda i: i if i.value.nbytes <= MEGABYTE else None),
         "test_arrays_beyond_a_megabyte_come_back"),
        ("large_arrays_cut", "of large arrays only the first MB is written",
         array(lambda v: v.nbytes > MEGABYTE,
               lambda v: np.where(np.arange(v.size) < MEGABYTE, v.ravel(), 0)
               .astype(v.dtype).reshape(v.shape)),
         "test_arrays_beyond_a_megabyte_come_back"),
        ("arrays_in_memory_order", "the memory of an array is taken for its rows",
         array(lambda v: v.ndim > 1, lambda v: v.ravel("K").reshape(v.shape)),
         "test_shapes_of_arrays_come_back"),
        ("empty_arrays_flat", "empty arrays lose their shape",
         array(lambda v: v.size == 0 and v.ndim > 1, lambda v: v.ravel()),
         "test_shapes_of_arrays_come_back"),
        ("lists_sorted", "lists come back sorted",
         array(lambda v: v.ndim == 1 and v.dtype.kind in "iS", np.sort),
         "test_order_of_lists_comes_back"),
        ("tuples_as_lists", "tuples become lists",
         item(ArrayItem, lambda i: i._replace(
             collection=i.collection and i.collection.replace("TUPLE", "LIST"))),
         "test_lists_and_tuples_come_back_as_such"),
        ("types_of_scalars_lost", "numbers come back as those of numpy",
         item(ArrayItem, lambda i: i._replace(collection=None, scalar=None)),
         "test_value_types_come_back[42]"),
        ("mixed_types_lost", "lists of several types come back with one",
         item(ArrayItem, lambda i: i._replace(types=None)),
         "test_value_types_come_back[(0, 2.5, None)]"),
        # ----- text
        ("empty_text_lost", "'' and b'' are left out",
         item(ArrayItem, lambda i: None if is_text(i.value) and not any(i.value.ravel()) else i),
         "test_empty_text_comes_back"),
        ("trailing_nuls_lost", "NULs at the end of text are lost",
         array(is_text, lambda v: np.array(v.tolist(), "S")), "test_trailing_nuls_come_back"),
        ("text_stripped", "white space around text is lost", array(is_text, stripped),
         "test_long_text_comes_back"),
        ("text_cut", "text is cut after 64 kB", array(is_text, lambda v: v.astype("S65536")),
         "test_long_text_comes_back"),
        # ----- tables
        ("frames_lost", "frames are left out",
         item(FrameItem, lambda i: None), "test_frames_come_back"),
        ("indices_of_frames_lost", "frames come back with a new index",
         item(FrameItem, lambda i: i._replace(value=i.value.reset_index(drop=True))),
         "test_frames_come_back"),
        ("names_of_series_lost", "series come back without their names",
         item(FrameItem, lambda i: i._replace(value=i.value.rename(None))
              if i.flag == "SERIES" else i), "test_series_come_back"),
        ("first_row_of_tables", "of tables only the first row is kept",
         item(TableItem, first_table_row), "test_object_tables_come_back"),
        ("columns_lost", "the last column of tables is lost",
         item(TableItem, lambda i: i._replace(columns=i.columns[:-1])),
         "test_object_tables_come_back"),
        ("types_in_dictionaries_lost", "values of dictionaries come back as arrays",
         item(TableItem, lambda i: i._replace(
             columns=tuple(c._replace(collection=None, scalar=None) for c in i.columns))),
         "test_nested_dictionaries_come_back"),
        ("nested_items_lost", "items below two others are left out",
         item((ArrayItem, TableItem), lambda i: None if i.name.count(".") > 1 else i),
         "test_nested_dictionaries_come_back"),
        # ----- runs
        ("results_of_runs_lost", "what runs store is forgotten",
         node(lambda put: None if put.path.startswith(RUNS) else put),
         "test_results_of_all_runs_come_back"),
        ("results_past_the_third_run_lost", "results of later runs are forgotten",
         node(lambda put: None if put.path.startswith(RUNS) and put.path[24:25] > "2" else put),
         "test_results_of_all_runs_come_back"),
        ("derived_parameters_of_runs_lost", "of runs only results are kept",
         node(lambda put: None if put.path.startswith("derived_parameters.runs.") else put),
         "test_results_of_all_runs_come_back"),
        ("rows_past_the_third_lost", "of the run table only three rows are read",
         read_meta(lambda m: m._replace(runs=m.runs and cut(m.runs, 3))),
         "test_rows_of_all_runs_come_back"),
        ("later_rows_not_updated", "rows past the third are never updated",
         rows(completed=lambda c: np.where(np.arange(len(c)) < 3, c, 0) if len(c) > 1 else c * 0),
         "test_rows_of_all_runs_come_back"),
        ("runs_never_completed", "the run table keeps no states",
         rows(completed=lambda c: c * 0), "test_finished_runs_are_completed_after_loading"),
        ("start_times_cut", "start times of runs are kept in whole seconds",
         rows(timestamp=np.floor), "test_rows_of_all_runs_come_back"),
        ("end_times_lost", "run times are not kept",
         rows(finish_timestamp=lambda c: c * 0 + 1.337), "test_rows_of_all_runs_come_back"),
        ("environments_of_runs_lost", "which environment executed a run is not kept",
         rows(environment=lambda c: c * 0 - 1, hexshas=lambda h: ()),
         "test_rows_of_all_runs_come_back"),
        ("all_rows_alike", "storing one run changes the rows of all",
         states_read(lambda c: c * 0 + c.max(initial=0)),
         "test_a_single_run_updates_its_own_row_only"),
        ("errors_cut", "messages of errors are cut after 100 characters",
         rows(errors=lambda e: {k: v._replace(message=v.message[:100]) for k, v in e.items()}),
         "test_errors_of_failed_runs_come_back"),
        ("old_errors_stay", "errors of runs are never forgotten",
         meta(lambda put: put if put.is_new or put.runs.errors else None),
         "test_errors_are_gone_with_what_they_were_about"),
        ("time_of_trajectory_cut", "the time of a trajectory is kept in whole seconds",
         meta(lambda put: put._replace(
             info=put.info._replace(timestamp=float(int(put.info.timestamp))))),
         "test_identity_comes_back"),
        ("updates_of_meta_lost", "only the first data about a trajectory is kept",
         meta(lambda put: put if put.is_new else None), "test_later_explorations_come_back"),
        ("length_not_updated", "the number of runs is read as it was at first",
         read_meta(lambda m: m._replace(
             info=m.info._replace(length=KEPT.setdefault(m.info.time, m.info.length)))),
         "test_later_explorations_come_back"),
        ("explorations_not_updated", "later explorations are not noted",
         meta(lambda put: put._replace(explorations=put.explorations if put.is_new else ())),
         "test_later_explorations_come_back"),
        ("ranges_not_updated", "explored ranges stay as they were stored first",
         written(DeleteNode, lambda each: None if each.path.startswith("parameters.") else each),
         "test_length_and_explorations_are_updated_when_expanded"),
        ("links_in_runs_lost", "links in groups of runs are left out",
         written(PutLink, lambda put: None if put.path.startswith(RUNS) else put),
         "test_links_in_run_groups_come_back"),
        ("links_lost", "links are left out",
         written(PutLink, lambda put: None), "test_links_lead_to_the_same_node"),
        ("links_to_parents", "links lead one level higher",
         written(PutLink, lambda put: put._replace(target=put.target.rpartition(".")[0])),
         "test_links_in_run_groups_come_back"),
        ("annotations_of_runs_lost", "groups of runs have no annotations",
         node(lambda put: put if put.is_leaf or not put.path.startswith(RUNS)
              else put._replace(annotations={})),
         "test_annotations_of_run_groups_come_back"),
        # ----- overwriting and deleting
        ("never_overwrites", "overwriting is ignored",
         node(lambda put: put._replace(overwrite=False)),
         "test_overwriting_store_replaces_stored_data"),
        ("always_overwrites", "what exists is always replaced",
         node(lambda put: put._replace(overwrite=True)),
         "test_plain_storing_never_changes_stored_data"),
        ("overwrites_all_items", "overwriting one item replaces all",
         node(lambda put: put._replace(overwrite=bool(put.overwrite))),
         "test_single_items_can_be_overwritten"),
        ("new_items_lost", "items are not added to leaves that exist",
         node(lambda put: put if put.overwrite or len(put.items) != 4
              else put._replace(items=put.items[:0])),
         "test_plain_storing_never_changes_stored_data"),
        ("destroys_before_replacing", "a replacement that fails has deleted the old value",
         calls(apply=deleted_first), "test_failed_replacement_keeps_the_old_value"),
        ("deletes_nothing", "nodes to delete stay",
         written(DeleteNode, lambda each: None), "test_deleted_items_are_gone"),
        ("deletes_children", "groups are deleted with all below, unasked",
         written(DeleteNode, lambda each: each._replace(recursive=True)),
         "test_groups_with_children_are_deleted_only_recursively"),
        ("deletes_whole_leaves", "deleting an item deletes its leaf",
         written(DeleteItems, lambda each: DeleteNode(each.path, True)),
         "test_parts_of_a_leaf_are_deleted"),
        ("deletes_no_items", "items to delete stay",
         written(DeleteItems, lambda each: None), "test_parts_of_a_leaf_are_deleted"),
        ("deletes_no_links", "links to delete stay",
         written(DeleteLink, lambda each: None), "test_links_are_deleted"),
        ("refuses_replays", "a replayed request is taken for a new one",
         calls(apply=lambda base, self, r: base.apply(self, r._replace(replayed=False))),
         "test_a_replayed_request_changes_nothing"),
        ("ignores_replays", "replayed requests are dropped, whether applied before or not",
         calls(apply=lambda base, self, r: None if r.replayed else base.apply(self, r)),
         "test_a_replayed_request_is_applied_if_it_was_not"),
        # ----- reading
        ("reads_all_items", "the choice of items is ignored",
         read_with(item_filter=lambda given: None), "test_items_of_a_leaf_are_loaded_in_part"),
        ("reads_all_levels", "the depth of loading is ignored",
         read_with(max_depth=lambda given: None), "test_depth_limits_loading"),
        ("reads_no_links", "links are never read",
         read(lambda each: None if each.kind == "link" else each),
         "test_links_lead_to_the_same_node"),
        ("invents_nodes", "what is not there is read as an empty group",
         calls(read_nodes=lambda base, self, trajectory, path, **options: (
             base.read_nodes(self, trajectory, path, **options)
             if "unheard" not in path else iter([NodeRecord(path, "group")]))),
         "test_missing_child_is_reported"),
        # ----- processes
        ("unsafe_with_processes", "declared `multiproc_safe`, without a lock",
         lambda base: {"multiproc_safe": True, **calls(apply=written_over)(base)},
         "test_processes_that_store_at_once_lose_nothing"),
        ("not_picklable", "cannot be pickled",
         calls(__init__=lambda base, self, shelf_file: (
             base.__init__(self, shelf_file), setattr(self, "on_error", lambda: None))[0]),
         "test_services_can_be_pickled"),
        ("pickles_always_loaded", "`unpickle='safe'` is ignored",
         members(unpickle=property(lambda self: "trust", lambda self, value: None)),
         "test_pickles_are_loaded_as_the_service_is_told"),
        ("rule_about_pickles_lost", "copies in other processes trust all pickles",
         members(__getstate__=lambda self: {
             k: v for k, v in self.__dict__.items() if k != "unpickle"}),
         "test_pickled_services_keep_their_rule_about_pickles"),
        # ----- what is in the medium
        ("scrambles_arrays", "arrays are written backwards and turned around when they are read",
         lambda base: {**turned_when_read(base), **array(lambda v: v.size > 1000, np.flip)(base)},
         "test_other_programs_find_the_values"),
        ("remembers_arrays", "what was read once in the process is never read again",
         calls(read_nodes=unshared), "test_what_other_programs_wrote_is_loaded"),
        ("files_left_open", "the file is opened and not closed",
         calls(apply=left_open),
         "test_no_file_is_left_open"),
    ]  # fmt: skip
    return [Mutant(f"shelf_{name}", broken, Shelf, patch, by) for name, broken, patch, by in table]


def buried(base: Any, self: Any, request: Any) -> None:
    """Drop what is put where something was deleted before."""
    graves = KEPT.setdefault(str(self.path), set())
    kept = [each for each in request.operations if getattr(each, "path", None) not in graves]
    graves.update(each.path for each in kept if isinstance(each, DeleteNode))
    base.apply(self, request._replace(operations=tuple(kept)))


def overwritten_once(base: Any, self: Any, request: Any) -> None:
    """Overwrite each leaf once, and never again."""
    done = KEPT.setdefault(str(self.path), set())
    operations = []
    for each in request.operations:
        if isinstance(each, PutNode) and each.overwrite:
            each = each._replace(overwrite=each.overwrite if each.path not in done else False)
            done.add(each.path)
        operations.append(each)
    base.apply(self, request._replace(operations=tuple(operations)))


def begun(base: Any, self: Any, request: Any) -> None:
    """Drop a request that fails, and the next one as well."""
    if KEPT.pop(f"failed {self.path}", False):
        return
    try:
        base.apply(self, request)
    except Exception:
        KEPT[f"failed {self.path}"] = True
        raise


def stateful_mutants() -> list[Mutant]:
    """Mutants that sequences of calls reveal."""
    by = "test_any_sequence_of_calls_agrees_with_a_model"
    table: list[tuple[str, str, Any]] = [
        ("buried", "where something was deleted, nothing can be stored again", calls(apply=buried)),
        ("overwritten_once", "a leaf is overwritten once only", calls(apply=overwritten_once)),
        ("drops_after_faults", "after a failure the next request is lost", calls(apply=begun)),
        ("destroys_when_failing", "replacements that fail delete the old",
         calls(apply=deleted_first)),
        ("merges_first_only", "of merged runs only the first has results",
         node(lambda put: None if put.path.startswith(f"{RUNS}run_00000003") else put)),
    ]  # fmt: skip
    return [Mutant(f"stateful_{name}", broken, Shelf, patch, by) for name, broken, patch in table]


def memory_mutants() -> list[Mutant]:
    """Mutants of the service that keeps everything in memory."""
    table: list[tuple[str, str, Any, str]] = [
        ("hands_out_its_own", "what is read is the stored data itself",
         calls(read_nodes=unshared),
         "test_stored_data_is_a_copy"),
        ("backups_empty", "backups have nothing in them",
         members(backup_service=lambda self, trajectory, filename: type(self)()),
         "test_backups_have_everything"),
        ("copies_without_links", "links are not copied",
         written(PutLink, lambda put: None), "test_copies_under_another_name_have_everything"),
        ("merges_nothing", "merging copies no nodes",
         members(node_copy=lambda self, trajectory: NothingCopied(self, trajectory)),
         "test_merged_runs_follow_the_own_ones"),
        ("merging_moves", "merged nodes are taken away from the other trajectory",
         members(node_copy=lambda self, trajectory: NodesMoved(self, trajectory)),
         "test_merging_leaves_the_other_trajectory_as_it_was"),
        ("expanding_forgets", "a longer run table replaces the one before",
         states_read(lambda c: c if c.all() else c * 0),
         "test_length_and_explorations_are_updated_when_expanded"),
        # ----- media that fail
        ("hides_faults", "that the medium failed is not raised",
         calls(apply=fault_hidden), f"{AFTER_FAULTS}[create]"),
        ("undoes_too_much", "when the medium fails, the leaf is removed",
         calls(apply=removed_when_failing), f"{AFTER_FAULTS}[replace]"),
        ("replaces_by_deleting", "what is to be replaced is deleted first",
         calls(apply=deleted_whole), f"{AFTER_FAULTS}[replace]"),
        ("deletes_in_two_steps", "a leaf to delete loses its items first",
         written(DeleteNode, lambda each: [DeleteItems(each.path, tuple(ITEMS)), each]),
         f"{AFTER_FAULTS}[delete]"),
        ("takes_replays_for_done", "after a fault, the request is taken for applied",
         calls(apply=replays_dropped), f"{AFTER_FAULTS}[create]"),
        ("breaks_for_good", "after a fault, nothing can be deleted",
         calls(apply=never_deleted_again), f"{AFTER_FAULTS}[delete]"),
    ]  # fmt: skip
    return [
        Mutant(f"memory_{name}", broken, Memory, patch, by) for name, broken, patch, by in table
    ]


AFTER_FAULTS = "test_a_medium_that_fails_leaves_what_was_or_what_should_be"
ITEMS = ("array", "number", "text")


def fault_hidden(base: Any, self: Any, request: Any) -> None:
    with contextlib.suppress(OSError):
        base.apply(self, request)


def removed_when_failing(base: Any, self: Any, request: Any) -> None:
    """Remove what a request was about that fails, whether it was there before or not."""
    try:
        base.apply(self, request)
    except OSError:
        nodes = self._trajectories[request.trajectory].root.children["results"].children
        nodes.pop(request.operations[-1].path.rpartition(".")[2], None)
        raise


def deleted_whole(base: Any, self: Any, request: Any) -> None:
    """Delete the leaves that are to be replaced, then put the new ones."""
    replaced = [each for each in request.operations if getattr(each, "overwrite", False) is True]
    gone = tuple(DeleteNode(each.path, False) for each in replaced)
    whole = (*gone, *request.operations)
    base.apply(self, request._replace(operations=whole, replayed=bool(gone) or request.replayed))


def replays_dropped(base: Any, self: Any, request: Any) -> None:
    if not request.replayed:
        base.apply(self, request)


def never_deleted_again(base: Any, self: Any, request: Any) -> None:
    """Skip deletions once there was a fault."""
    if KEPT.get("fault") and isinstance(request.operations[-1], DeleteNode):
        return
    try:
        base.apply(self, request)
    except OSError:
        KEPT["fault"] = True
        raise


class NothingCopied(NodeCopy):
    def write(self, source: Any, trajectory: str, names: Any) -> None:
        pass


class NodesMoved(NodeCopy):
    def write(self, source: Any, trajectory: str, names: Any) -> None:
        super().write(source, trajectory, names)
        from pypet.records import StoreRequest

        gone = tuple(DeleteNode(old, True) for old in names if old.endswith(".z"))
        source.apply(StoreRequest(trajectory, gone))


def hdf5_mutants() -> list[Mutant]:
    """Mutants of the service that writes HDF5 files; none where its packages are not installed."""
    try:
        base = hdf5()
    except ModuleNotFoundError:
        return []
    table: list[tuple[str, str, Any, str]] = [
        ("comments_lost", "comments are not kept",
         node(lambda put: put._replace(comment="")), "test_comments_of_all_nodes_come_back"),
        ("doubles_cut", "float64 is stored as float32", dtype("f8", "f4"),
         "test_thirds_come_back_exactly"),
        ("nan_as_zero", "NaN becomes 0", array(is_float, lambda v: np.where(v != v, 0, v)),
         "test_nan_and_infinity_come_back"),
        ("text_stripped", "white space around text is lost", array(is_text, stripped),
         "test_long_text_comes_back"),
        ("results_of_runs_lost", "what runs store is forgotten",
         node(lambda put: None if put.path.startswith(RUNS) else put),
         "test_results_of_all_runs_come_back"),
        ("runs_never_completed", "the run table keeps no states",
         rows(completed=lambda c: c * 0), "test_finished_runs_are_completed_after_loading"),
        ("links_in_runs_lost", "links in groups of runs are left out",
         written(PutLink, lambda put: None if put.path.startswith(RUNS) else put),
         "test_links_in_run_groups_come_back"),
        ("never_overwrites", "overwriting is ignored",
         node(lambda put: put._replace(overwrite=False)),
         "test_overwriting_store_replaces_stored_data"),
        ("backup_elsewhere", "backups go where nobody finds them",
         calls(backup_service=lambda base, self, trajectory, filename: base.backup_service(
             self, trajectory, f"{self.filename}_{time.monotonic_ns()}")),
         "test_backups_have_everything"),
        ("stays_open", "the file is not closed",
         calls(close=left_open), "test_no_file_is_left_open"),
        ("pickles_always_loaded", "`unpickle='safe'` is ignored",
         members(unpickle=property(lambda self: "trust", lambda self, value: None),
                 _unpickle="trust"),
         "test_pickles_are_loaded_as_the_service_is_told"),
    ]  # fmt: skip
    return [Mutant(f"hdf5_{name}", broken, base, patch, by) for name, broken, patch, by in table]


MUTANTS = [*shelf_mutants(), *memory_mutants(), *hdf5_mutants()]
STATEFUL_MUTANTS = stateful_mutants()
CLASSES = {mutant.name: mutant.made(__name__) for mutant in [*MUTANTS, *STATEFUL_MUTANTS]}
globals().update(CLASSES)  # so that they can be pickled


def make(mutant: Mutant, folder: Path) -> Any:
    """Return a broken service that keeps its data in the folder."""
    cls = CLASSES[mutant.name]
    if mutant.base is Memory:
        return cls()
    return cls(str(folder / "data"))
