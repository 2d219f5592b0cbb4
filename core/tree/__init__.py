"""The tree: nodes and groups, names and wildcards, lookup, links, iteration."""

from pypet.tree.group import KnowsTrajectory, NNGroupNode
from pypet.tree.leaf import NNLeafNode
from pypet.tree.node import NNTreeNode
from pypet.tree.tree import Tree
from pypet.tree.typed_groups import (
    ConfigGroup,
    DerivedParameterGroup,
    ParameterGroup,
    ResultGroup,
)

__all__ = [
    "ConfigGroup",
    "DerivedParameterGroup",
    "KnowsTrajectory",
    "NNGroupNode",
    "NNLeafNode",
    "NNTreeNode",
    "ParameterGroup",
    "ResultGroup",
    "Tree",
]
