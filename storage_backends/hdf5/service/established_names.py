"""Constants of the layout that established scripts read from the class of the service."""

from __future__ import annotations

from typing import Any, ClassVar

from pypet import pypetconstants as constants
from pypet.storage_backends.hdf5.encoding import layout


class _TypeFlags:
    """Makes the mapping on access: it needs pandas."""

    def __get__(self, instance: Any, owner: Any = None) -> dict[type, str]:
        import numpy as np
        import pandas as pd

        from pypet.encoding.object_table import object_table_class
        from pypet.shareddata import SharedResult

        return {
            **dict.fromkeys(constants.PARAMETER_SUPPORTED_DATA, constants.ARRAY),
            list: constants.ARRAY,
            tuple: constants.ARRAY,
            np.ndarray: constants.CARRAY,
            np.matrix: constants.CARRAY,
            dict: constants.DICT,
            object_table_class(): constants.TABLE,
            pd.DataFrame: constants.FRAME,
            pd.Series: constants.SERIES,
            **dict.fromkeys(SharedResult.FLAG_CLASS_MAPPING.values(), constants.SHARED_DATA),
        }


class HDF5Names:
    """Constants of the established service class."""

    ADD_ROW: ClassVar[str] = "ADD"
    REMOVE_ROW: ClassVar[str] = "REMOVE"
    MODIFY_ROW: ClassVar[str] = "MODIFY"

    COLL_TYPE: ClassVar[str] = "COLL_TYPE"
    COLL_LIST: ClassVar[str] = constants.COLL_LIST
    COLL_TUPLE: ClassVar[str] = constants.COLL_TUPLE
    COLL_NDARRAY: ClassVar[str] = constants.COLL_NDARRAY
    COLL_MATRIX: ClassVar[str] = constants.COLL_MATRIX
    COLL_DICT: ClassVar[str] = constants.COLL_DICT
    COLL_EMPTY_DICT: ClassVar[str] = constants.COLL_EMPTY_DICT
    COLL_SCALAR: ClassVar[str] = constants.COLL_SCALAR
    SCALAR_TYPE: ClassVar[str] = "SCALAR_TYPE"

    STORAGE_TYPE: ClassVar[str] = layout.STORED_AS.decode()
    SHARED_DATA_TYPE: ClassVar[str] = layout.SHARED_TYPE.decode()
    ARRAY: ClassVar[str] = constants.ARRAY
    CARRAY: ClassVar[str] = constants.CARRAY
    EARRAY: ClassVar[str] = constants.EARRAY
    VLARRAY: ClassVar[str] = constants.VLARRAY
    TABLE: ClassVar[str] = constants.TABLE
    DICT: ClassVar[str] = constants.DICT
    FRAME: ClassVar[str] = constants.FRAME
    SERIES: ClassVar[str] = constants.SERIES
    SPLIT_TABLE: ClassVar[str] = constants.SPLIT_TABLE
    DATATYPE_TABLE: ClassVar[str] = constants.DATATYPE_TABLE
    SHARED_DATA: ClassVar[str] = constants.SHARED_DATA
    NESTED_GROUP: ClassVar[str] = constants.NESTED_GROUP
    TYPE_FLAG_MAPPING: ClassVar[Any] = _TypeFlags()
    """Exact type of a datum -> the flag with which it is stored."""

    FORMATTED_COLUMN_PREFIX: ClassVar[str] = layout.column_prefix("%s")
    DATA_PREFIX: ClassVar[str] = "SRVC_DATA_"
    ANNOTATION_PREFIX: ClassVar[str] = layout.ANNOTATION.decode()
    ANNOTATED: ClassVar[str] = layout.ANNOTATED.decode()
    INIT_PREFIX: ClassVar[str] = "SRVC_INIT_"
    CLASS_NAME: ClassVar[str] = layout.CLASS_NAME.decode()
    COMMENT: ClassVar[str] = layout.COMMENT.decode()
    LENGTH: ClassVar[str] = layout.LENGTH.decode()
    LEAF: ClassVar[str] = layout.IS_LEAF.decode()

    NAME_TABLE_MAPPING: ClassVar[dict[str, str]] = {
        "_overview_config": "config_overview",
        "_overview_parameters": "parameters_overview",
        "_overview_derived_parameters": "derived_parameters_overview",
        "_overview_results": "results_overview",
        "_overview_explored_parameters": "explored_parameters_overview",
        "_overview_derived_parameters_summary": "derived_parameters_summary",
        "_overview_results_summary": "results_summary",
    }
    PR_ATTR_NAME_MAPPING: ClassVar[dict[str, str]] = {
        "_derived_parameters_per_run": "derived_parameters_per_run",
        "_results_per_run": "results_per_run",
        "_purge_duplicate_comments": "purge_duplicate_comments",
    }
    ATTR_LIST: ClassVar[list[str]] = [
        "complevel",
        "complib",
        "shuffle",
        "fletcher32",
        "pandas_format",
        "encoding",
    ]
