"""The tree: nodes and groups, names and wildcards, lookup, links, iteration."""

from pypet.tree.group import NNGroupNode
from pypet.tree.node import KnowsTrajectory, NNLeafNode, NNTreeNode
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
