"""Inputs that people and instruments really produce: each with the answer that is due.

`refused` are inputs that hold no regression problem: the message must say which and what to
do. `equal` are inputs that are another problem in disguise: the predictions must be those of
the plain problem, in the units of the disguise.
"""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import scipy.sparse as sp

RNG = np.random.default_rng(0)
X = RNG.uniform(-2, 2, size=(20, 2))
Y = np.sin(2 * X[:, 0]) + 0.3 * X[:, 1]
NEW = RNG.uniform(-2, 2, size=(5, 2))


class Refused(NamedTuple):
    """Training data, and what its refusal must say."""

    X: Any
    y: Any
    message: str
    error: type = ValueError


class Equal(NamedTuple):
    """A disguise of a plain problem; predictions p of it mean ``(p - offset) / scale``."""

    X: Any
    y: Any
    new: Any
    plain: tuple[Any, Any, Any] = (X, Y, NEW)
    offset: float = 0.0
    scale: float = 1.0
    rtol: float = 1e-9


class RefusedNew(NamedTuple):
    """New rows for a model of (X, Y), and what their refusal must say."""

    new: Any
    message: str
    error: type = ValueError


def put(array, place, value):
    """The array with one entry changed."""
    changed = np.array(array)
    changed[place] = value
    return changed


def frame(**columns):
    return pd.DataFrame({"a": X[:, 0], "b": X[:, 1], **columns})


DAYS = pd.date_range("2020-01-01", periods=20)
NUMBERS = np.arange(20.0)

REFUSED = {
    "NaN in X": Refused(put(X, (3, 1), np.nan), Y, r"NaN: column 'x1', row 3"),
    "infinity in X": Refused(put(X, (4, 0), np.inf), Y, r"infinity: column 'x0', row 4"),
    "-infinity in X": Refused(put(X, (4, 0), -np.inf), Y, r"infinity: column 'x0', row 4"),
    "NaN in y": Refused(X, put(Y, 5, np.nan), r"y contains NaN: column 'y', row 5"),
    "infinity in y": Refused(X, put(Y, 6, np.inf), r"y contains infinity: column 'y', row 6"),
    "all NaN": Refused(np.full((20, 2), np.nan), Y, r"column 'x0', row 0.*40 such entries"),
    "no rows": Refused(np.zeros((0, 2)), np.zeros(0), r"0 sample\(s\)"),
    "no columns": Refused(np.zeros((20, 0)), Y, r"0 feature\(s\)"),
    "one row": Refused(X[:1], Y[:1], r"1 sample"),
    "X of one axis": Refused(X[:, 0], Y, r"Reshape your data|reshape"),
    "X of three axes": Refused(X[:, :, None], Y, r"dim 3|3D array"),
    "X a number": Refused(3.0, Y, r"scalar array|0D|2D"),
    "X None": Refused(None, Y, r"."),
    "y None": Refused(X, None, r"requires y"),
    "y too short": Refused(X, Y[:-1], r"inconsistent numbers of samples"),
    "y of three axes": Refused(X, Y[:, None, None], r"dim 3|shape"),
    "y empty": Refused(X, np.zeros((20, 0)), r"targets|shape|0 feature"),
    "text in X": Refused(np.full((20, 2), "a"), Y, r"could not convert|numbers|numeric"),
    "one word in X": Refused(put(X.astype(object), (2, 1), "n/a"), Y, r"n/a|could not convert"),
    "text in y": Refused(X, ["low"] * 20, r"could not convert|numbers|low"),
    "bytes in X": Refused(np.full((20, 2), b"x"), Y, r"could not convert|numeric|bytes"),
    "complex X": Refused(X + 1j, Y, r"Complex data not supported"),
    "complex y": Refused(X, Y + 1j, r"Complex data not supported"),
    "objects in X": Refused(np.full((20, 2), object()), Y, r".", TypeError),
    "dicts": Refused({"a": list(X[:, 0])}, Y, r".", (TypeError, ValueError)),
    "sparse X": Refused(sp.csr_matrix(X), Y, r"[Ss]parse", TypeError),
    "sparse y": Refused(X, sp.csr_matrix(Y[:, None]), r"[Ss]parse", TypeError),
    "ragged rows": Refused([[1.0, 2.0], [3.0]] * 10, Y, r"inhomogeneous|array element"),
    "masked entries": Refused(np.ma.masked_greater(X, 1.5), Y, r"masked.*missing"),
    "masked target": Refused(X, np.ma.masked_greater(Y, 0.9), r"masked.*missing"),
    "all columns constant": Refused(np.ones((20, 2)), Y, r"no input column is left.*constant"),
    "all rows equal": Refused(np.tile(X[:1], (20, 1)), Y, r"no input column is left"),
    "lists in a table": Refused(frame(c=[[1, 2]] * 20), Y, r"'c' holds objects", TypeError),
    "text and numbers mixed": Refused(
        frame(c=[1, "2"] * 10), Y, r"column 'c' mixes numbers and text: row 1"
    ),
    "complex column": Refused(frame(c=1j * Y), Y, r"column 'c' is complex"),
    "one name twice": Refused(
        frame().set_axis(["a", "a"], axis=1), Y, r"(?s)unique column names.*'a' 2 times"
    ),
    "missing in a table": Refused(frame(c=[None, *Y[1:]]), Y, r"NaN: column 'c', row 0"),
    "missing category": Refused(frame(c=[None, *["u", "v"] * 9, "u"]), Y, r"column 'c', row 0"),
    "table without rows": Refused(frame().iloc[:0], Y[:0], r"0 sample"),
    "text target beside a table": Refused(frame(), ["low"] * 20, r"could not convert|low"),
}

BIG, TINY = 2.0**900, 2.0**-900


def scaled_inputs(scale):
    return Equal(X * scale, Y, NEW * scale)


def scaled_target(scale):
    return Equal(X, Y * scale, NEW, scale=scale)


def moved_inputs(offset):
    """The rounding that a large offset does is part of the data."""
    kept = [(a + offset) - offset for a in (X, NEW)]
    return Equal(X + offset, Y, NEW + offset, (kept[0], Y, kept[1]), rtol=1e-6)


def moved_target(offset):
    return Equal(X, Y + offset, NEW, (X, (Y + offset) - offset, NEW), offset=offset, rtol=1e-6)


HALF = X.astype(np.float16).astype(float)
SINGLE = X.astype(np.float32).astype(float)
WHOLE = np.round(40 * X)
BITS = X > 0
FROZEN = X.copy()
FROZEN.setflags(write=False)

EQUAL = {
    **{f"X times {s:g}": scaled_inputs(s) for s in (1e-300, 1e-200, 1e-100, 1e-30, 1e30, 1e100)},
    **{f"X times {s:g} (large)": scaled_inputs(s) for s in (1e200, 1e300, 5e307)},
    **{f"y times {s:g}": scaled_target(s) for s in (1e-300, 1e-200, 1e-100, 1e-30, 1e30, 1e100)},
    **{f"y times {s:g} (large)": scaled_target(s) for s in (1e200, 1e300, 5e307)},
    "columns of opposite scales": Equal(X * [1e-200, 1e200], Y, NEW * [1e-200, 1e200]),
    **{f"X plus {o:g}": moved_inputs(o) for o in (1e6, 1e12, -1e12)},
    **{f"y plus {o:g}": moved_target(o) for o in (1e6, 1e12, -1e12)},
    "a constant column": Equal(np.c_[X, np.full(20, 7.0)], Y, np.c_[NEW, np.zeros(5)]),
    "a column constant but for rounding": Equal(
        np.c_[X, 0.1 * np.r_[np.ones(19), 1 + 2e-16]], Y, np.c_[NEW, np.zeros(5)]
    ),
    "a category of one level": Equal(
        frame(c=["u"] * 20), Y, pd.DataFrame({"a": NEW[:, 0], "b": NEW[:, 1], "c": ["u"] * 5})
    ),
    "lists": Equal(X.tolist(), Y.tolist(), NEW.tolist()),
    "column-major": Equal(np.asfortranarray(X), Y, np.asfortranarray(NEW)),
    "negative strides": Equal(X[::-1], Y[::-1], NEW[::-1][::-1]),
    "read-only": Equal(FROZEN, Y, NEW),
    "half precision": Equal(X.astype(np.float16), Y, NEW, (HALF, Y, NEW)),
    "single precision": Equal(X.astype(np.float32), Y, NEW, (SINGLE, Y, NEW)),
    "integers": Equal(WHOLE.astype(np.int8), Y, WHOLE[:5].astype(int), (WHOLE, Y, WHOLE[:5])),
    "integers near the end of 64 bits": Equal(
        (WHOLE * 2.0**54).astype(np.int64), Y, WHOLE[:5] * 2.0**54, (WHOLE, Y, WHOLE[:5])
    ),
    "truth values": Equal(BITS, Y, BITS[:5], (BITS.astype(float), Y, BITS[:5].astype(float))),
    "truth values as target": Equal(X, Y > 0, NEW, (X, (Y > 0).astype(float), NEW)),
    "objects that are numbers": Equal(X.astype(object), Y.astype(object), NEW.astype(object)),
    "nullable integers": Equal(
        pd.DataFrame(WHOLE, columns=["a", "b"]).astype("Int64"),
        pd.Series(Y, dtype="Float64"),
        pd.DataFrame(WHOLE[:5], columns=["a", "b"]).astype("Int64"),
        (WHOLE, Y, WHOLE[:5]),
    ),
    "rows in another order": Equal(X[::-1], Y[::-1], NEW),
    "minus zero": Equal(put(X, (0, 0), -0.0), Y, NEW, (put(X, (0, 0), 0.0), Y, NEW)),
    "dates": Equal(
        frame(c=DAYS), Y, frame(c=DAYS).iloc[:5], (np.c_[X, NUMBERS], Y, np.c_[X, NUMBERS][:5])
    ),
    "y as a table": Equal(X, pd.DataFrame({"y": Y})["y"], NEW),
    "an index of rows": Equal(frame().set_axis(range(19, -1, -1)), Y, frame().iloc[:5],
                              (X, Y, X[:5])),
}  # fmt: skip

REFUSED_NEW = {
    "new: NaN": RefusedNew(put(NEW, (2, 1), np.nan), r"NaN: column 'x1', row 2"),
    "new: infinity": RefusedNew(put(NEW, (0, 0), np.inf), r"infinity: column 'x0', row 0"),
    "new: too few columns": RefusedNew(NEW[:, :1], r"1 features.*expecting 2"),
    "new: too many columns": RefusedNew(np.c_[NEW, NEW], r"4 features.*expecting 2"),
    "new: one axis": RefusedNew(NEW[0], r"[Rr]eshape"),
    "new: no rows": RefusedNew(NEW[:0], r"0 sample"),
    "new: text": RefusedNew(np.full((5, 2), "a"), r"could not convert|numbers|numeric"),
    "new: complex": RefusedNew(NEW + 1j, r"Complex data not supported"),
    "new: sparse": RefusedNew(sp.csr_matrix(NEW), r"[Ss]parse", TypeError),
    "new: masked": RefusedNew(np.ma.masked_greater(NEW, 0.0), r"masked.*missing"),
}
