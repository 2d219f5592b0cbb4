"""Datasets of xarray: dimensions, coordinates, arrays, what is missing, what is refused."""

import numpy as np
import pytest

from pypet import Trajectory, cartesian_product, load_trajectory
from tests.tables.conftest import FAILING_RUN

xarray = pytest.importorskip("xarray")


def explored(results, **points):
    """Return a trajectory with these explored parameters; ``results(idx)`` are those of a run."""
    traj = Trajectory("t", comment="of tests")
    for name, values in points.items():
        traj.f_add_parameter(name, values[0], comment=f"the {name}")
    traj.f_add_parameter("fixed.n", 7)
    traj.f_explore(points)
    for idx in range(len(traj)):
        for name, value in results(idx).items():
            traj.f_add_result(f"results.runs.run_{idx:08d}.{name}", value, comment=f"a {name}")
    return traj


def test_explored_parameters_that_form_a_grid_are_dimensions(stored_file):
    for source in ({}, {"load_results": 0}):
        data = load_trajectory("t", filename=stored_file, **source).f_to_xarray(["z", "trace"])
        assert dict(data.sizes) == {"x": 3, "y": 2, "trace_dim_0": 4}
        assert data.x.values.tolist() == [0.5, 1.5, 2.5]
        assert data.y.values.tolist() == [3, 4]
        assert data.run.values.tolist() == [[0, 1], [2, 3], [4, 5]]
        assert data.z.dims == ("x", "y")
        assert data.trace.dims == ("x", "y", "trace_dim_0")
        assert data.z.sel(x=2.5, y=4).item() == 10.0
        assert data.trace.sel(x=1.5, y=3).values.tolist() == [0.0, 1.5, 3.0, 4.5]
        assert np.isnan(data.z.sel(x=1.5, y=4))
        assert np.isnan(data.trace.sel(x=1.5, y=4)).all()
        assert data.z.attrs["comment"] == "product"
        assert data.x.attrs == {"comment": "length"}
        assert data.attrs["trajectory"] == "t"
        assert data.attrs["comment"] == "six runs"
        assert data.attrs["missing_runs"].tolist() == [FAILING_RUN]
        assert data.trace.attrs["missing_runs"].tolist() == [FAILING_RUN]


def test_the_order_of_runs_makes_no_difference():
    points = cartesian_product({"x": [3, 1, 2], "y": ["b", "a"]})
    order = np.random.default_rng(1).permutation(6)
    shuffled = {name: [values[position] for position in order] for name, values in points.items()}
    traj = explored(
        lambda idx: {"z": shuffled["x"][idx] * 10 + ord(shuffled["y"][idx])}, **shuffled
    )
    data = traj.f_to_xarray()
    assert data.z.dims == ("x", "y")
    for x in (1, 2, 3):
        for y in "ab":
            assert data.z.sel(x=x, y=y).item() == x * 10 + ord(y)
    assert data.z.dtype == np.int64
    assert "missing_runs" not in data.attrs


@pytest.mark.parametrize(
    "points",
    [
        {"x": [1, 2, 3], "y": [1, 2, 3]},
        {"x": [1, 1, 2], "y": [3, 4, 3]},
        {"x": [1, 1]},
        {"x": [np.ones(2), np.zeros(2)]},
    ],
    ids=["zipped", "incomplete", "repeated", "arrays"],
)
def test_other_points_have_the_dimension_of_runs(points):
    traj = explored(lambda idx: {"z": idx}, **points)
    data = traj.f_to_xarray()
    assert data.z.dims == ("run",)
    assert data.run.values.tolist() == list(range(len(traj)))
    for name in points:
        assert data[name].dims == ("run",)
        assert name in data.coords


def test_no_exploration_is_one_run():
    traj = Trajectory("t")
    traj.f_add_result("results.runs.run_00000000.z", 3)
    assert traj.f_to_xarray().z.values.tolist() == [3]


def test_parameters_that_are_not_explored_are_coordinates_without_dimension():
    data = explored(lambda idx: {"z": idx}, x=[1, 2]).f_to_xarray(parameters="all")
    assert data["fixed.n"].item() == 7
    assert data["fixed.n"].dims == ()
    assert data.z.dims == ("x",)


def test_dimensions_of_arrays_can_be_named():
    traj = explored(lambda idx: {"m": np.full((2, 3), idx), "v": [1.0, idx]}, x=[1, 2])
    data = traj.f_to_xarray(["m", "v"], dims={"m": ("time", "unit"), "v": "side"})
    assert data.m.dims == ("x", "time", "unit")
    assert data.v.dims == ("x", "side")
    assert data.m.values[1].tolist() == [[1, 1, 1], [1, 1, 1]]
    assert data.m.dtype.kind == "i"
    with pytest.raises(ValueError, match="has 1 names for 'm', whose values have 2 dimensions"):
        traj.f_to_xarray(["m"], dims={"m": "time"})
    with pytest.raises(ValueError, match="names 'w', which is no result; there are: m"):
        traj.f_to_xarray(["m"], dims={"w": "time"})


def test_integers_and_text_with_something_missing():
    traj = explored(lambda idx: {"n": idx, "t": "a"} if idx else {}, x=[1, 2])
    data = traj.f_to_xarray()
    assert data.n.values.tolist()[1] == 1.0
    assert data.isnull().sum().n == 1
    assert data.isnull().sum().t == 1


def test_what_has_no_place_in_a_dataset():
    traj = explored(lambda idx: {"a": np.zeros(idx + 1), "d": {"k": 1}}, x=[1, 2])
    with pytest.raises(ValueError, match=r"'a' differ in shape: \(1,\) in run 0, \(2,\) in run 1"):
        traj.f_to_xarray(["a"])
    with pytest.raises(TypeError, match="A value of 'd' is a dict"):
        traj.f_to_xarray(["d"])
    data = traj.f_to_xarray(["a"], reduce={"a": len})
    assert data.a.values.tolist() == [1, 2]
    data = traj.f_to_xarray(reduce={"a": lambda a: np.resize(a, 2)})
    assert data.a.shape == (2, 2)


def test_a_dataset_can_be_written_and_read(stored_file, tmp_path):
    pytest.importorskip("h5netcdf")
    data = load_trajectory("t", filename=stored_file).f_to_xarray(parameters="all")
    data.to_netcdf(tmp_path / "t.nc", engine="h5netcdf")
    with xarray.open_dataset(tmp_path / "t.nc", engine="h5netcdf") as again:
        assert again.z.equals(data.z)
