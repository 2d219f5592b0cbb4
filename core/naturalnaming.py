"""Face of the tree: nodes, groups and natural naming."""

from __future__ import annotations

from pypet.tree.group import KnowsTrajectory, NNGroupNode
from pypet.tree.leaf import NNLeafNode
from pypet.tree.node import NNTreeNode
from pypet.tree.tree import Tree as NaturalNamingInterface
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
    "NaturalNamingInterface",
    "ParameterGroup",
    "ResultGroup",
]
