"""Random trees against a plain dictionary of paths."""

from __future__ import annotations

import copy
import pickle
import warnings
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pypet.errors import NotUniqueNodeError
from pypet.leaves.result import Result
from pypet.trajectory import Trajectory
from pypet.tree.tree import tree_of
from pypet.tree.wildcards import Wildcards

COMPONENT = st.sampled_from(["a", "b", "ab", "c"])
PATH = st.lists(COMPONENT, min_size=1, max_size=4).map(tuple)
PATHS = st.lists(PATH, max_size=12)
LINKS = st.lists(st.tuples(PATH, PATH), max_size=5)
QUERY = st.lists(COMPONENT, min_size=1, max_size=3).map(tuple)
DEPTH = st.none() | st.integers(min_value=1, max_value=4)

quick = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


class Model:
    """Paths of groups and leaves, and links as pairs of paths; everything is looked up slowly."""

    def __init__(self):
        self.kinds = {(): "group"}
        self.links = {}

    def add_leaf(self, path):
        ways = [path[:end] for end in range(1, len(path))]
        blocked = any(self.kinds.get(way, "group") != "group" or way in self.links for way in ways)
        if path in self.kinds or path in self.links or blocked:
            return False
        self.kinds.update((way, "group") for way in ways)
        self.kinds[path] = "leaf"
        return True

    def add_link(self, path, target):
        if path in self.kinds or path in self.links or target not in self.kinds:
            return False
        if self.kinds.get(path[:-1]) != "group":
            return False
        self.links[path] = target
        return True

    def remove(self, path):
        gone = {other for other in self.kinds if other[: len(path)] == path}
        for other in gone:
            del self.kinds[other]
        self.links = {
            link: target
            for link, target in self.links.items()
            if link[:-1] not in gone and target not in gone
        }

    def children(self, path, with_links):
        """Return name and real path of what a group holds."""
        found = [(other[-1], other) for other in self.kinds if other and other[:-1] == path]
        if with_links:
            found += [(link[-1], to) for link, to in self.links.items() if link[:-1] == path]
        return found

    def search(self, name, start, with_links, limit):
        """Return the best path and its distance, None, or 'ambiguous': level by level."""
        level, seen, steps = [start], {start}, 0
        while level and (limit is None or steps < limit):
            steps += 1
            edges = [edge for path in level for edge in self.children(path, with_links)]
            hits = [path for own, path in edges if own == name]
            if hits:
                return "ambiguous" if len(hits) > 1 else (hits[0], steps)
            level = []
            for _, path in edges:
                if path not in seen and self.kinds[path] == "group":
                    seen.add(path)
                    level.append(path)
        return None

    def walk(self, names, start, with_links):
        path = start
        for name in names:
            if self.kinds[path] != "group":
                return None
            path = dict(self.children(path, with_links)).get(name)
            if path is None:
                return None
        return path

    def find(self, names, start, with_links, limit):
        """Return a path, None if there is nothing, 'ambiguous', or 'too long'."""
        if limit is not None and len(names) > limit:
            return "too long"
        exact = self.walk(names, start, with_links)
        if exact is None and start and names[: len(start)] == start and len(names) > len(start):
            exact = self.walk(names[len(start) :], start, with_links)
        if exact is not None:
            return exact
        everywhere = {path[-1] for path in self.kinds if path}
        if with_links:
            everywhere |= {link[-1] for link in self.links}
        if not everywhere.issuperset(names):
            return None
        path = start
        for name in names:
            if self.kinds[path] != "group":
                return None
            found = self.search(name, path, with_links, limit)
            if found is None or found == "ambiguous":
                return found
            path, steps = found
            limit = None if limit is None else limit - steps
        return path


def build(paths, links):
    traj, model = Trajectory("random"), Model()
    for path in paths:
        if model.add_leaf(path):
            traj.f_add_leaf(".".join(path), 1)
        else:
            with pytest.raises(AttributeError):
                traj.f_add_leaf(".".join(path), 1)
    for path, target in links:
        node = tree_of(traj).get_node(".".join(target))
        if model.add_link(path, target):
            tree_of(traj).insert_link(".".join(path), node)
    return traj, model


def check_find(traj, model, names, start, with_links, limit):
    expected = model.find(names, start, with_links, limit)
    group = tree_of(traj).get_node(".".join(start))

    def ask():
        return group.f_get(".".join(names), with_links=with_links, max_depth=limit)

    if expected == "too long":
        with pytest.raises(ValueError):
            ask()
    elif expected == "ambiguous":
        with pytest.raises(NotUniqueNodeError):
            ask()
    elif expected is None:
        with pytest.raises(AttributeError) as caught:
            ask()
        assert not isinstance(caught.value, NotUniqueNodeError)
    else:
        assert ask().v_full_name == ".".join(expected)


@quick
@given(PATHS, LINKS, st.lists(QUERY, min_size=1, max_size=5), DEPTH, st.booleans())
def test_names_resolve_as_in_the_model(paths, links, queries, limit, with_links):
    traj, model = build(paths, links)
    groups = [path for path, kind in model.kinds.items() if kind == "group"]
    for names in queries:
        for start in groups:
            check_find(traj, model, names, start, with_links, limit)


@quick
@given(PATHS, st.lists(PATH, max_size=4), LINKS, st.lists(QUERY, min_size=1, max_size=4), PATHS)
def test_removing_and_adding_keeps_index_and_links_right(paths, gone, links, queries, again):
    traj, model = build(paths, links)
    for path in gone:
        if path in model.kinds:
            model.remove(path)
            tree_of(traj).remove_item(tree_of(traj).get_node(".".join(path)), recursive=True)
    for path in again:
        if model.add_leaf(path):
            traj.f_add_leaf(".".join(path), 1)
    listed = {
        (*((group.v_full_name or ()) and group.v_full_name.split(".")), name): tuple(
            node.v_full_name.split(".")
        )
        for group, name, node in tree_of(traj).links
    }
    assert listed == model.links
    assert {node.v_full_name for node in traj.f_iter_nodes()} == {
        ".".join(path) for path in model.kinds if path
    }
    for names in queries:
        check_find(traj, model, names, (), True, None)


@quick
@given(PATHS, QUERY, DEPTH, st.booleans())
def test_all_matches_are_those_of_the_model(paths, names, limit, shortcuts):
    traj, model = build(paths, [])

    def fits(path):
        if shortcuts:
            rest = iter(path[:-1])
            return path[-1] == names[-1] and all(name in rest for name in names[:-1])
        return path[-len(names) :] == names

    for start, kind in model.kinds.items():
        if kind != "group":
            continue
        expected = {
            ".".join(path)
            for path in model.kinds
            if len(path) > len(start)
            and path[: len(start)] == start
            and (limit is None or len(path) - len(start) <= limit)
            and fits(path[len(start) :])
        }
        group = tree_of(traj).get_node(".".join(start))
        found = group.f_get_all(".".join(names), max_depth=limit, shortcuts=shortcuts)
        assert Counter(node.v_full_name for node in found) == Counter(expected)
        depths = [node.v_depth for node in found]
        assert depths == sorted(depths)


@quick
@given(PATHS, LINKS)
def test_copies_and_pickles_have_the_same_tree(paths, links):
    traj, model = build(paths, links)
    for twin in (copy.copy(traj), pickle.loads(pickle.dumps(traj))):
        assert set(tree_of(twin).leaves) == {
            ".".join(path) for path, kind in model.kinds.items() if kind == "leaf"
        }
        assert str(twin) == str(traj)
        for path, target in model.links.items():
            assert twin[".".join(path)] is not traj
            assert twin.f_get(".".join(path)) is tree_of(twin).get_node(".".join(target))


@quick
@given(PATHS, LINKS, st.booleans())
def test_dictionaries_hold_what_iteration_finds(paths, links, with_links):
    traj, _ = build(paths, links)
    for group in list(tree_of(traj).groups.values()):
        leaves = {leaf.v_full_name: leaf for leaf in group.f_iter_leaves(with_links=with_links)}
        if group is traj:
            leaves = dict(tree_of(traj).leaves)
        assert group.f_to_dict(with_links=with_links) == leaves
        nested = group.f_to_dict(with_links=with_links, nested=True)
        flat = Counter()
        pending = [nested]
        while pending:
            for value in pending.pop().values():
                if isinstance(value, dict):
                    pending.append(value)
                else:
                    flat[value.v_full_name] += 1
        assert flat == Counter(list(leaves))


@quick
@given(st.text(min_size=1, max_size=5))
def test_any_text_is_added_and_found_or_refused(name):
    traj = Trajectory("random")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)  # it may be a keyword
            leaf = traj.f_add_leaf("x." + name, 1)
    except ValueError:
        assert not traj.f_has_children()
        assert not traj.f_contains("x." + name)
    else:
        assert traj.f_get("x." + name, shortcuts=False) is leaf
        assert tree_of(traj).get_node(leaf.v_full_name) is leaf


@quick
@given(st.integers(min_value=0, max_value=10**9))
def test_every_way_to_name_a_run_is_the_same(idx):
    wildcards = Wildcards()
    name = wildcards.run_name(idx)
    assert wildcards.parse_key(idx).components == (name,)
    for text in (f"r_{idx}", f"run_{idx}", name):
        assert wildcards.parse(text).components == (name,)
    assert wildcards.substitute(wildcards.parse("$"), idx) == (name,)
    assert wildcards.run_index(name) == idx


def test_the_model_knows_leaves_and_groups_apart():
    model = Model()
    assert model.add_leaf(("a", "b"))
    assert not model.add_leaf(("a", "b", "c"))
    assert not model.add_leaf(("a",))
    assert Result("a", 1).v_is_leaf
