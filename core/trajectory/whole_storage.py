"""Storing, loading, renaming and backing up a trajectory as a whole."""

from __future__ import annotations

from typing import Any

from pypet import pypetconstants as constants
from pypet.records import Info, MetaRecord
from pypet.services.storage_choice import choose_storage
from pypet.support.arguments import check_flag, check_path, is_integer, on_error_keyword
from pypet.support.decorators import kwargs_api_change, kwargs_mutual_exclusive, not_in_run
from pypet.trajectory.item_storage import ItemStorage
from pypet.trajectory.run_control import enter_run, leave_run
from pypet.trajectory.versions import check_version
from pypet.tree.names import check_trajectory_name
from pypet.tree.node import put, set_stored

LOAD_KEYWORDS = (
    "load_parameters",
    "load_derived_parameters",
    "load_results",
    "load_other_data",
    "load_data",
    "max_depth",
    "recursive",
    "dynamic_imports",
    "with_run_information",
    "with_meta_data",
    "storage_service",
    "on_error",
)
"""Keywords of `Trajectory.f_load` to suggest for misspelled ones."""


class WholeStorage(ItemStorage):
    """The part of a trajectory that stores and loads it as a whole."""

    __slots__ = ()

    @kwargs_api_change("new_filename")
    @kwargs_api_change("new_name")
    @kwargs_mutual_exclusive("only_init", "recursive", lambda recursive: not recursive)
    def f_store(
        self,
        only_init: bool = False,
        store_data: int = constants.STORE_DATA,
        max_depth: int | None = None,
    ) -> None:
        """Store the trajectory; during a run, all nodes that the run has added and not stored yet.

        If one value cannot be stored, nothing is stored. Remove it, or store the others with
        `f_store_items`. (This is different at the end of a run of an environment: there everything
        else is stored, and the run counts as failed.)

        Parameters
        ----------
        only_init
            Only store the data of the trajectory itself: comment, annotations, and information
            about runs. ``recursive`` is accepted for the opposite.
        store_data
            `STORE_NOTHING` 0; `STORE_DATA_SKIPPING` 1: leave out nodes that were stored before;
            `STORE_DATA` 2: add new data, never change existing data; `OVERWRITE_DATA` 3:
            overwrite everything.
        max_depth
            Only store nodes that are at most this many steps below the root.

        Raises
        ------
        NoSuchServiceError
            The trajectory has no storage service.
        RuntimeError
            The trajectory was never stored, but there is another one of its name.
        TypeError
            A value cannot be stored; the message names it.
        """
        check_flag(only_init, "only_init", "`f_store_item` stores a single item.")
        service = self._require_service()
        if not self._is_run:
            service.store(
                constants.TRAJECTORY,
                self,
                trajectory_name=self._name,
                only_init=only_init,
                store_data=store_data,
                max_depth=max_depth,
            )
            self._stored = True
            self._runs.mark_stored()
        elif self._tree.new_nodes or self._tree.new_links:
            service.store(
                constants.SINGLE_RUN,
                self,
                trajectory_name=self._name,
                recursive=not only_init,
                store_data=store_data,
                max_depth=max_depth,
            )

    @kwargs_api_change("load_all", "load_data")
    @kwargs_api_change("dynamically_imported_classes", "dynamic_imports")
    @not_in_run
    def f_load(  # type: ignore[override]
        self,
        /,
        name: str | None = None,
        index: int | None = None,
        as_new: bool = False,
        load_parameters: int = constants.LOAD_DATA,
        load_derived_parameters: int = constants.LOAD_SKELETON,
        load_results: int = constants.LOAD_SKELETON,
        load_other_data: int = constants.LOAD_SKELETON,
        recursive: bool = True,
        load_data: int | None = None,
        max_depth: int | None = None,
        force: bool = False,
        dynamic_imports: Any = None,
        with_run_information: bool = True,
        with_meta_data: bool = True,
        storage_service: Any = None,
        *,
        on_error: str = "raise",
        **kwargs: Any,
    ) -> None:
        """Load a stored trajectory into this one.

        Parameters
        ----------
        name, index
            Name of the stored trajectory, or its position in alphabetical order, counted from 0 or,
            if negative, from the end. By default the one with the name of this trajectory.
        as_new
            Only load parameters and the number of runs, to execute them again: parameters are
            unlocked, no run is completed, nothing counts as stored, and the name is kept.
            Otherwise name, comment, times, version and runs are those of the stored trajectory,
            and its nodes are added to what is in memory.
        load_parameters, load_derived_parameters, load_results, load_other_data
            How much of each branch: `LOAD_NOTHING` 0; `LOAD_SKELETON` 1: nodes with comments and
            annotations; `LOAD_DATA` 2: also the data of empty leaves; `OVERWRITE_DATA` 3: empty
            everything that is not locked and load it again. ``load_parameters`` also applies to
            ``config``.
        load_data
            Replaces these four.
        recursive
            If False, only load the direct children of the root.
        max_depth
            Only load nodes that are at most this many steps below the root.
        force
            Also load trajectories of versions with an unknown layout.
        dynamic_imports
            Classes, or their import strings, that are found by their bare names.
        with_run_information
            If False, only load the number of runs.
        with_meta_data
            If False, leave the trajectory itself as it is.
        storage_service, **kwargs
            Another service, and arguments to create it, for instance ``filename``.
        on_error
            ``'raise'``: the first node that cannot be loaded is an error. ``'skip'``: load all
            others. A warning lists skipped nodes with reasons, and `v_load_errors` keeps it:
            leaves of classes that cannot be imported, damaged data, refused pickles. A group
            whose class cannot be imported becomes an ordinary one; nothing is loaded below a
            damaged group.

        Raises
        ------
        ValueError
            Name and index are both given, there is no such trajectory or file, a level or
            ``on_error`` is wrong, or a keyword is unknown.
        TypeError
            Name, index or depth have wrong types.
        VersionMismatchError
            The layout is not known, see ``force``.
        NoSuchServiceError
            There is no storage service.
        """
        if name is not None and index is not None:
            raise ValueError(
                f"Load a trajectory either by name or by index, not by both: {name!r}, {index!r}."
            )
        _check_which(name, index)
        skipping = on_error_keyword(on_error)
        self._take_service("`f_load`", storage_service, kwargs, stored_name=name)
        if dynamic_imports is not None:
            self.f_add_to_dynamic_imports(dynamic_imports)
        if name is None and index is None:
            name = self._name
        if load_data is not None:
            load_parameters = load_derived_parameters = load_data
            load_results = load_other_data = load_data
        if as_new:
            load_parameters = constants.LOAD_DATA
            load_derived_parameters = load_results = load_other_data = constants.LOAD_NOTHING
        self._require_service().load(
            constants.TRAJECTORY,
            self,
            trajectory_name=name,
            trajectory_index=index,
            as_new=as_new,
            load_parameters=load_parameters,
            load_derived_parameters=load_derived_parameters,
            load_results=load_results,
            load_other_data=load_other_data,
            recursive=recursive,
            max_depth=max_depth,
            with_run_information=with_run_information,
            with_meta_data=with_meta_data,
            force=force,
            **skipping,
        )

    @not_in_run
    def f_load_skeleton(self) -> None:
        """Load all nodes that are stored under the current name, without data.

        What is known about runs stays as it is. Errors are those of `f_load`.
        """
        self.f_load(
            self._name,
            as_new=False,
            load_data=constants.LOAD_SKELETON,
            with_run_information=False,
        )

    @not_in_run
    def f_backup(self, backup_filename: str | None = None, **kwargs: Any) -> None:
        """Copy the stored trajectory, for files into another file.

        The default file is ``backup_<trajectory name>.hdf5`` beside the data file.

        Raises
        ------
        ValueError
            There is a trajectory of this name already.
        NoSuchServiceError
            There is no storage service, or it makes no backups.
        """
        if backup_filename is not None:
            check_path(backup_filename, "backup_filename")
        self._require_service().store(
            constants.BACKUP,
            self,
            trajectory_name=self._name,
            backup_filename=backup_filename,
            **kwargs,
        )

    # ----- name and service ----------------------------------------------------------------

    @not_in_run
    def f_migrate(
        self,
        /,
        new_name: str | None = None,
        in_store: bool = False,
        new_storage_service: Any = None,
        **kwargs: Any,
    ) -> None:
        """Rename the trajectory, or give it another storage service, or both.

        Nothing is stored or renamed in a storage. ``in_store`` says whether the trajectory is
        there already under its new name. Other keywords make the service, for instance
        ``filename``.

        Raises
        ------
        ValueError
            The name is not possible, or a keyword is unknown.
        """
        if new_name is not None:
            check_trajectory_name(new_name)
        if new_storage_service is not None or kwargs:
            choice = choose_storage(new_storage_service, self, kwargs)
            choice.check_all_used("`f_migrate`")
        else:
            choice = None
        before = self._name, self._stored
        put(self, "_name", self._name if new_name is None else new_name)
        put(self, "_stored", bool(in_store))
        try:
            service = self._storage_service if choice is None else choice.make()
        except BaseException:
            put(self, "_name", before[0])
            put(self, "_stored", before[1])
            raise
        self.v_storage_service = service
        if not in_store:
            self._runs.mark_changed()
            for node in (*self._tree.groups.values(), *self._tree.leaves.values()):
                set_stored(node, False)

    def _take_service(
        self, caller: str, service: Any, kwargs: dict[str, Any], *, stored_name: str | None = None
    ) -> None:
        """Use another storage service if one is described; first make sure that all is right.

        A place in the storage that is called after the trajectory, like a file in a given folder,
        is that of ``stored_name``.
        """
        if service is None and not kwargs:
            return
        choice = choose_storage(service, self, kwargs)
        choice.check_all_used(caller, LOAD_KEYWORDS)
        own_name = self._name
        put(self, "_name", own_name if stored_name is None else stored_name)
        try:
            made = choice.make()
        finally:
            put(self, "_name", own_name)
        self.v_storage_service = made

    # ----- what the service found ----------------------------------------------------------

    def _adopt_meta(
        self, meta: MetaRecord, *, as_new: bool, with_run_information: bool, force: bool
    ) -> None:
        """Take over what a storage knows about the trajectory itself.

        Raises
        ------
        VersionMismatchError
            The layout is not known, and ``force`` is not given.
        """
        info = meta.info
        check_version(info, force)
        put(self, "_has_all_parameters", False)
        current = -1 if as_new else self._idx
        leave_run(self)
        if as_new:
            put(self, "_comment", self._comment or info.comment)
            self._runs.reset(info.length)
        else:
            self._adopt_runs(meta, with_run_information)
            for attribute in ("name", "comment", "timestamp", "time", "version", "python"):
                put(self, f"_{attribute}", getattr(info, attribute))
        if meta.annotations and self.v_annotations.f_is_empty():
            self.v_annotations.f_set(**meta.annotations)
        self._explored.clear()
        leaves = self._tree.leaves
        self._explored.update({name: leaves.get(name) for name in meta.explorations})
        if current >= 0 and self._runs.knows(current):
            enter_run(self, current)

    def _adopt_runs(self, meta: MetaRecord, with_run_information: bool) -> None:
        info = meta.info
        if with_run_information and meta.runs is not None:
            self._runs.load_rows(meta.runs, info.length)
        elif info.timestamp != self._timestamp or info.length != len(self._runs):
            # Of the same trajectory, what is known already stays known.
            self._runs.reset_unknown(info.length)

    def _info(self) -> Info:
        """Return what is stored about the trajectory itself."""
        return Info(
            name=self._name or "",
            time=self._time,
            timestamp=self._timestamp,
            comment=self._comment,
            length=len(self._runs),
            version=self._version,
            python=self._python,
        )


def _check_which(name: Any, index: Any) -> None:
    """Raise unless the name is a string and the index an integer, if they are given."""
    if name is not None and not isinstance(name, str):
        raise TypeError(
            f"The name of a trajectory is text, not {name!r}; its place in the file is `index=`."
        )
    if name == "":
        raise ValueError("The name of the trajectory to load is empty; `index=-1` is the last one.")
    if index is not None and not is_integer(index):
        raise TypeError(f"The index of a trajectory is a number, such as -1, not {index!r}.")
