from __future__ import annotations

import importlib.util

import numpy as np
import pyarrow
import pytest

from evolve import Table
from evolve.errors import ConfigurationError

TABLE = Table({"step": [0, 1, 2], "score": [1.5, None, 3], "operator": ["seed", "<tune>", "x"], "placed": [True] * 3})


def test_a_table_is_columns_and_rows() -> None:
    assert TABLE.columns == ("step", "score", "operator", "placed")
    assert (len(TABLE), len(Table({})), list(TABLE)[1]) == (3, 0, (1, None, "<tune>", True))
    assert TABLE.to_dicts()[2] == {"step": 2, "score": 3, "operator": "x", "placed": True}
    assert TABLE["step"] == (0, 1, 2)
    with pytest.raises(KeyError, match="Did you mean 'score'"):
        TABLE["scor"]
    with pytest.raises(ValueError, match="equal lengths"):
        Table({"a": [1], "b": []})


def test_arrays_have_a_type_each_and_nan_for_what_is_missing() -> None:
    arrays = TABLE.to_numpy()
    assert [str(array.dtype) for array in arrays.values()] == ["int64", "float64", "object", "bool"]
    assert np.isnan(arrays["score"][1]) and arrays["score"].shape == (3,)


def test_other_libraries_get_it_when_asked_for() -> None:
    assert TABLE.to_arrow().to_pylist() == TABLE.to_dicts() and isinstance(TABLE.to_arrow(), pyarrow.Table)
    if importlib.util.find_spec("pandas") is None:
        with pytest.raises(ConfigurationError, match=r"pip install pandas. Without it: to_dicts"):
            TABLE.to_pandas()
    else:
        assert list(TABLE.to_pandas().columns) == list(TABLE.columns)


def test_a_notebook_shows_the_ends_of_a_long_table_and_no_markup_of_a_program() -> None:
    assert "&lt;tune&gt;" in TABLE._repr_html_() and "3 rows" in TABLE._repr_html_()
    assert Table({"step": range(100)})._repr_html_().count("<tr>") == 22
