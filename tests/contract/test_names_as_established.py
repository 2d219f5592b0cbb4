"""Names that scripts import, and constants that they compare with."""

from __future__ import annotations

import importlib

import pytest

from pypet import pypetconstants

NAMES = {
    "pypet.trajectory": "Trajectory load_trajectory make_run_name make_set_name",
    "pypet.naturalnaming": "NNTreeNode NNLeafNode NNGroupNode ParameterGroup ResultGroup "
    "DerivedParameterGroup ConfigGroup KnowsTrajectory NaturalNamingInterface",
    "pypet.annotations": "Annotations WithAnnotations",
    "pypet.slots": "HasSlots MetaSlotMachine get_all_slots",
    "pypet.utils.explore": "cartesian_product find_unique_points",
    "pypet.utils.comparisons": "results_equal parameters_equal nested_equal get_all_attributes",
    "pypet.utils.trajectory_utils": "merge_all_in_folder",
    "pypet.utils.dynamicimports": "load_class create_class",
    "pypet.utils.storagefactory": "storage_factory",
    "pypet.utils.decorators": "manual_run deprecated copydoc kwargs_mutual_exclusive "
    "kwargs_api_change not_in_run with_open_store retry prefix_naming",
    "pypet.utils.helpful_classes": "IteratorChain ChainMap HashArray TrajectoryMock Universe",
    "pypet.utils.helpful_functions": "is_debug flatten_dictionary nest_dictionary progressbar "
    "get_matching_kwargs result_sort format_time racedirs",
    "pypet.pypetexceptions": "NotUniqueNodeError TooManyGroupsError DataNotInStorageError "
    "ParameterLockedException PresettingError VersionMismatchError NoSuchServiceError GitDiffError",
    "pypet": "Trajectory load_trajectory ParameterGroup ResultGroup DerivedParameterGroup "
    "ConfigGroup NNGroupNode NNLeafNode KnowsTrajectory HasSlots cartesian_product "
    "find_unique_points merge_all_in_folder manual_run progressbar racedirs NotUniqueNodeError "
    "TooManyGroupsError DataNotInStorageError ParameterLockedException PresettingError "
    "VersionMismatchError NoSuchServiceError GitDiffError",
}

BASES = {
    "NotUniqueNodeError": AttributeError,
    "TooManyGroupsError": TypeError,
    "DataNotInStorageError": IOError,
    "ParameterLockedException": TypeError,
    "PresettingError": RuntimeError,
    "VersionMismatchError": TypeError,
    "NoSuchServiceError": TypeError,
    "GitDiffError": RuntimeError,
}

CONSTANTS = {
    "LOAD_NOTHING": 0,
    "LOAD_SKELETON": 1,
    "UPDATE_SKELETON": 1,
    "LOAD_DATA": 2,
    "UPDATE_DATA": 2,
    "OVERWRITE_DATA": 3,
    "STORE_NOTHING": 0,
    "STORE_DATA_SKIPPING": 1,
    "STORE_DATA": 2,
    "FORMAT_ZEROS": 8,
    "SET_FORMAT_ZEROS": 5,
    "RUN_NAME": "run_",
    "FORMATTED_RUN_NAME": "run_%08d",
    "RUN_NAME_DUMMY": "run_ALL",
    "SET_NAME": "run_set_",
    "FORMATTED_SET_NAME": "run_set_%05d",
    "SET_NAME_DUMMY": "run_set_ALL",
    "HDF5_STRCOL_MAX_NAME_LENGTH": 128,
    "HDF5_STRCOL_MAX_LOCATION_LENGTH": 512,
    "HDF5_STRCOL_MAX_COMMENT_LENGTH": 512,
    "LEAF": "LEAF",
    "TRAJECTORY": "TRAJECTORY",
    "MERGE": "MERGE",
    "GROUP": "GROUP",
    "LIST": "LIST",
    "SINGLE_RUN": "SINGLE_RUN",
    "PREPARE_MERGE": "PREPARE_MERGE",
    "BACKUP": "BACKUP",
    "DELETE": "DELETE",
    "DELETE_LINK": "DELETE_LINK",
    "TREE": "TREE",
}


@pytest.mark.parametrize("module", NAMES)
def test_names_are_importable(module):
    found = importlib.import_module(module)
    assert [name for name in NAMES[module].split() if not hasattr(found, name)] == []


@pytest.mark.parametrize("name", BASES)
def test_errors_have_their_bases(name):
    assert issubclass(getattr(importlib.import_module("pypet.pypetexceptions"), name), BASES[name])


@pytest.mark.parametrize("name", CONSTANTS)
def test_constants_have_their_values(name):
    assert getattr(pypetconstants, name) == CONSTANTS[name]
