"""Established path of the tree: nodes, groups and natural naming."""

from __future__ import annotations

from pypet.tree.group import NNGroupNode
from pypet.tree.node import KnowsTrajectory, NNLeafNode, NNTreeNode
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
