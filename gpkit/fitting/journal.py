r"""Checkpoints: every evaluation of a fit, kept in a file, so that a killed fit goes on.

A fit is a deterministic function of the values and gradients that its objective returns. The
file therefore holds these, in order; a fit that is run again with the same file is given
them back instead of computing them, walks the same path to the last bit, and goes on where
the file ends. What was computed in the seconds since the last write is computed again.

One file holds several sections, one per fit: those of a comparison, by name of the
candidate. A section carries a fingerprint of what was fitted, and a file of other data,
another model or other settings is refused.
"""

import hashlib
import os
import re
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import equinox as eqx
import jax
import numpy as np

from gpkit import container
from gpkit.container import ContainerError
from gpkit.fitting.problem import Evaluation, Problem

KIND = "checkpoint"
_FORMAT = 1
_SECONDS_BETWEEN_WRITES = 1.0
_COLUMNS = ("x", "value", "gradient", "status", "error_bound")


class CheckpointError(ValueError):
    """A checkpoint that belongs to another computation; says what differs and what to do."""


class Section:
    """The evaluations of one fit, in order: first given back, then added to."""

    def __init__(self, journal: "Journal", name: str, entries: list[tuple[Any, Evaluation]]):
        self._journal, self._name = journal, name
        self.entries = entries
        self._given_back = 0

    def watch(self, problem: Problem) -> Problem:
        """The same problem, whose evaluations go through this section."""

        def evaluate(x: np.ndarray) -> Evaluation:
            if self._given_back < len(self.entries):
                return self._recall(x)
            found = problem.evaluate(x)
            self.entries.append((np.array(x), found))
            self._given_back += 1
            self._journal.write_if_due()
            return found

        return problem._replace(evaluate=evaluate)

    def _recall(self, x: np.ndarray) -> Evaluation:
        recorded, found = self.entries[self._given_back]
        if not np.array_equal(recorded, x, equal_nan=True):
            raise CheckpointError(
                f"{self._journal.path}: evaluation {self._given_back} of {self._name or 'the fit'} "
                "was made at another point than this fit asks for: the checkpoint comes from "
                "another optimizer, machine or version of a library; delete it to start anew"
            )
        self._given_back += 1
        return found


class Journal:
    """A checkpoint file: a context manager that writes what is left when it is closed.

    `purpose` and `data` (see `data_fingerprint`) tell the files of different work apart.

    Raises:
        CheckpointError: for a file of other work.
        ContainerError: for a file that is damaged or no checkpoint.
        OSError: with path and remedy, where the place can't be read or written: at once,
            before anything is computed.
    """

    def __init__(self, path: str | os.PathLike[str], purpose: str, data: str):
        self.path = os.fsdecode(path)
        self._header: dict[str, Any] = {"format": _FORMAT, "purpose": purpose, "data": data}
        self._fingerprints: dict[str, Mapping[str, str]] = {}
        self._sections: dict[str, Section] = {}
        if os.path.exists(self.path):
            self._load()
        self._written = -1
        self._write()

    def section(self, name: str, fingerprint: Mapping[str, str]) -> Section:
        """The section of this name; CheckpointError where it is one of another fit."""
        known = self._fingerprints.get(name)
        if known is not None and dict(known) != dict(fingerprint):
            parts = [k for k in fingerprint if known.get(k) != fingerprint[k]]
            detail = ", ".join(f"{k} ({known.get(k)} there, {fingerprint[k]} here)" for k in parts)
            raise self._refusal(f"of a fit with another {detail}", name)
        self._fingerprints[name] = dict(fingerprint)
        old = self._sections.get(name)
        self._sections[name] = Section(self, name, [] if old is None else old.entries)
        return self._sections[name]

    def write_if_due(self) -> None:
        """Write the file, unless it was written within the last second."""
        if time.monotonic() - self._clock >= _SECONDS_BETWEEN_WRITES:
            self._write()

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        # A write that failed has been told; a second one would hide it.
        if not isinstance(error, OSError):
            self._write()

    def _refusal(self, what: str, name: str = "") -> CheckpointError:
        where = f"{self.path}, {name}" if name else self.path
        return CheckpointError(
            f"{where}: this checkpoint is {what}; give another file, or delete it to start anew"
        )

    def _write(self) -> None:
        count = sum(len(s.entries) for s in self._sections.values())
        if count != self._written:
            header = {**self._header, "sections": []}
            tensors: dict[str, np.ndarray] = {}
            for number, (name, section) in enumerate(self._sections.items()):
                header["sections"].append({"name": name, **self._fingerprints[name]})
                for column, array in _columns(section.entries).items():
                    tensors[f"{number}.{column}"] = array
            container.write(self.path, header, tensors, KIND)
            self._written = count
        self._clock = time.monotonic()

    def _load(self) -> None:
        header, tensors = container.read(self.path, KIND)
        if header.get("format") != _FORMAT:
            raise ContainerError(
                f"{self.path}: checkpoint format {header.get('format')} is not known here, only "
                f"{_FORMAT}; install a newer gpkit, or delete it to start anew"
            )
        if header["purpose"] != self._header["purpose"]:
            raise self._refusal(
                f"of a {header['purpose']}, and this is a {self._header['purpose']}"
            )
        if header["data"] != self._header["data"]:
            raise self._refusal("of other data")
        for number, record in enumerate(header["sections"]):
            name = record.pop("name")
            self._fingerprints[name] = record
            columns = [tensors[f"{number}.{column}"] for column in _COLUMNS]
            entries = [
                (x, Evaluation(float(v), g, int(s), float(b)))
                for x, v, g, s, b in zip(*columns, strict=True)
            ]
            self._sections[name] = Section(self, name, entries)


class SectionOf(NamedTuple):
    """A section of an open journal, by its name: what a comparison hands to its fits."""

    journal: Journal
    name: str

    def part(self, name: str) -> "SectionOf":
        """A section of its own for a part of this one."""
        return self._replace(name=f"{self.name}: {name}")


def data_fingerprint(*arrays: Any) -> str:
    """SHA-256 of arrays (or None): dtypes, shapes and entries."""
    digest = hashlib.sha256()
    for array in arrays:
        host = np.zeros(0) if array is None else np.ascontiguousarray(array)
        digest.update(f"{array is None} {host.dtype} {host.shape};".encode())
        digest.update(host.tobytes())
    return digest.hexdigest()[:32]


def fit_fingerprint(
    model: Any, rows: Any, optimizer: Any, key: Any, **settings: Any
) -> dict[str, str]:
    """What a fit is determined by, as short texts by name."""
    leaves, tree = jax.tree.flatten(model)
    values = [leaf if eqx.is_array(leaf) else repr(leaf).encode() for leaf in leaves]
    arrays = [np.frombuffer(v, np.uint8) if isinstance(v, bytes) else np.asarray(v) for v in values]
    shape = np.frombuffer(_without_addresses(str(tree)).encode(), np.uint8)
    known = rows.noise_variance
    return {
        "data": data_fingerprint(rows.X, rows.y, rows.mask, known),
        "model": data_fingerprint(shape, *arrays),
        "optimizer": _without_addresses(repr(optimizer)),
        "key": "none" if key is None else data_fingerprint(jax.random.key_data(key)),
        "jax": jax.__version__,
        **{name: _without_addresses(repr(value)) for name, value in settings.items()},
    }


def _without_addresses(text: str) -> str:
    return re.sub(r" at 0x[0-9a-f]+", "", text)


def _columns(entries: list[tuple[Any, Evaluation]]) -> dict[str, np.ndarray]:
    if not entries:
        return {column: np.zeros(0) for column in _COLUMNS}
    return {
        "x": np.stack([x for x, _ in entries]),
        "value": np.array([at.value for _, at in entries]),
        "gradient": np.stack([at.gradient for _, at in entries]),
        "status": np.array([at.status for _, at in entries]),
        "error_bound": np.array([at.error_bound for _, at in entries]),
    }
