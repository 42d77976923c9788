"""The file format: round trips, damage of every kind, and writes that fail half way."""

import errno
import hashlib
import json
import os
import random
import signal
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gpkit import container
from gpkit.container import ContainerError, read, write

HEADER = {"name": "größe", "numbers": [1, 0.1, -0.0, 1e-320], "nested": {"none": None, "yes": True}}
TENSORS = {
    "scalar": np.array(np.pi),
    "empty": np.zeros((0, 3), np.float32),
    "mask": np.array([True, False]),
    "codes": np.arange(6, dtype=np.int32).reshape(3, 2),
    "half": np.array([1.5, np.nan, np.inf], np.float16),
    "key": np.array([2**32 - 1], np.uint32),
}


@pytest.fixture
def small(tmp_path):
    """A file of every type of array."""
    path = tmp_path / "small.gpkit"
    write(path, HEADER, TENSORS, "model")
    return path


def sealed(version=1, header=b'{"header":{},"kind":"model"}', payload=None, lengths=None):
    """Bytes with a right checksum around any content."""
    payload = struct.pack("<Q", 8) + b"{}      " if payload is None else payload
    sizes = lengths or (len(header), len(payload))
    body = struct.pack("<8sIIQ", container.MAGIC, version, *sizes) + header + payload
    return body + hashlib.sha256(body).digest()


def test_a_round_trip_keeps_every_bit_dtype_and_shape(small):
    header, tensors = read(small, "model")
    assert header == HEADER
    assert str(header["numbers"][2]) == "-0.0"
    assert sorted(tensors) == sorted(TENSORS)
    for name, array in TENSORS.items():
        assert tensors[name].dtype == array.dtype
        assert tensors[name].shape == array.shape
        assert tensors[name].tobytes() == array.tobytes()


def test_arrays_are_stored_by_their_entries_not_by_their_memory(tmp_path):
    path = tmp_path / "strided"
    base = np.arange(24.0).reshape(4, 6)
    given = {
        "fortran": np.asfortranarray(base),
        "strided": base[::2, ::-3],
        "transposed": base.T,
        "big_endian": base.astype(">f8"),
        "broadcast": np.broadcast_to(np.array(7.0), (2, 3)),
    }
    write(path, {}, given, "model")
    _, tensors = read(path, "model")
    for name, array in given.items():
        np.testing.assert_array_equal(tensors[name], array, strict=name != "big_endian")


def test_equal_contents_make_equal_files(tmp_path, small):
    again = tmp_path / "again"
    order = dict(reversed(TENSORS.items()))
    write(again, dict(reversed(HEADER.items())), order, "model")
    assert again.read_bytes() == small.read_bytes()


def test_no_arrays_at_all(tmp_path):
    write(tmp_path / "bare", {"a": 1}, {}, "checkpoint")
    assert read(tmp_path / "bare", "checkpoint") == ({"a": 1}, {})


@pytest.mark.parametrize("bad", [np.array([1j]), np.array(["a"]), np.array([object()])])
def test_other_dtypes_are_refused_by_name(tmp_path, bad):
    with pytest.raises(TypeError, match=r"array 'weights' has dtype .*floats of up to 64 bits"):
        write(tmp_path / "x", {}, {"weights": bad}, "model")
    assert os.listdir(tmp_path) == []


def test_a_header_that_json_lacks_is_refused(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        write(tmp_path / "x", {"a": float("nan")}, {}, "model")
    with pytest.raises(TypeError, match="JSON"):
        write(tmp_path / "x", {"a": {1, 2}}, {}, "model")
    assert os.listdir(tmp_path) == []


# ------------------------------------------------------------------------- damage


def test_a_file_cut_anywhere_is_refused(tmp_path, small):
    data, path = small.read_bytes(), tmp_path / "cut"
    for length in range(len(data)):
        path.write_bytes(data[:length])
        with pytest.raises(ContainerError, match=r"cut short.*copy it again"):
            read(path, "model")


def flips(data, count, seed):
    """Copies of the data with one random bit changed."""
    rng = random.Random(seed)
    for _ in range(count):
        changed = bytearray(data)
        changed[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        yield bytes(changed)


@pytest.mark.parametrize("count", [300, pytest.param(10_000, marks=pytest.mark.slow)])
def test_a_changed_bit_anywhere_is_refused(tmp_path, small, count):
    data, path = small.read_bytes(), tmp_path / "flipped"
    for changed in flips(data, count, seed=count):
        path.write_bytes(changed)
        with pytest.raises(ContainerError, match=r"damaged|cut short|not a gpkit file|more than"):
            read(path, "model")


def test_every_bit_of_the_preamble_is_guarded(tmp_path, small):
    data, path = small.read_bytes(), tmp_path / "flipped"
    for bit in range(24 * 8):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        path.write_bytes(changed)
        with pytest.raises(ContainerError):
            read(path, "model")


@pytest.mark.parametrize("tail", [b"\0", b"x" * 32, b"\n"])
def test_bytes_after_the_end_are_refused(small, tail):
    small.write_bytes(small.read_bytes() + tail)
    with pytest.raises(ContainerError, match="bytes were added at the end"):
        read(small, "model")


def test_a_right_checksum_does_not_excuse_wrong_lengths(small):
    body = small.read_bytes()[:-32] + b"tail"
    small.write_bytes(body + hashlib.sha256(body).digest())
    with pytest.raises(ContainerError, match="bytes were added at the end"):
        read(small, "model")


@pytest.mark.parametrize(
    "content", [b"PK\x03\x04" + b"\0" * 99, b"x,y\n1,2\n" * 20, b"\x89PNG\r\n\x1a\n" + b"\0" * 99]
)
def test_foreign_files_are_refused(tmp_path, content):
    path = tmp_path / "foreign"
    path.write_bytes(content)
    with pytest.raises(ContainerError, match=r"foreign: not a gpkit file.*check the name"):
        read(path, "model")


def test_a_transfer_as_text_is_noticed(small):
    small.write_bytes(small.read_bytes().replace(b"\r\n", b"\n"))
    with pytest.raises(ContainerError, match="a transfer as text"):
        read(small, "model")


@pytest.mark.parametrize("version", [0, 2, 2**32 - 1])
def test_other_versions_are_refused_with_the_remedy(tmp_path, version):
    path = tmp_path / "other"
    path.write_bytes(sealed(version=version))
    with pytest.raises(ContainerError, match=f"layout version {version} .* install a newer gpkit"):
        read(path, "model")


def test_another_kind_is_refused(small):
    with pytest.raises(ContainerError, match="a model file where a checkpoint file is needed"):
        read(small, "checkpoint")


HOSTILE = {
    "no json": sealed(header=b"{"),
    "no text": sealed(header=b"\xff\xfe\xff"),
    "a list": sealed(header=b"[1]"),
    "no kind": sealed(header=b'{"header":{}}'),
    "kind is a number": sealed(header=b'{"header":{},"kind":3}'),
    "header is text": sealed(header=b'{"header":"x","kind":"model"}'),
    "deep": sealed(header=b'{"kind":"model","header":' + b'{"a":' * 10**5 + b"1" + b"}" * 10**5),
    "no tensors": sealed(payload=b""),
    "tensors garbled": sealed(payload=b"\xff" * 64),
    "lengths beyond the end": sealed(lengths=(2**31, 2**63)),
    "header longer than the file": sealed(lengths=(10**6, 3)),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_content_with_a_right_checksum_is_refused(tmp_path, name):
    path = tmp_path / "hostile"
    path.write_bytes(HOSTILE[name])
    with pytest.raises(ContainerError):
        read(path, "model")


def test_the_hostile_files_fail_by_their_content_alone(tmp_path):
    (tmp_path / "good").write_bytes(sealed())
    assert read(tmp_path / "good", "model") == ({}, {})


def test_size_caps_hold_on_both_ways(tmp_path, small, monkeypatch):
    monkeypatch.setattr(container, "MAX_BYTES", 300)
    with pytest.raises(ContainerError, match="more than the 300 of any gpkit file"):
        read(small, "model")
    with pytest.raises(ValueError, match="store fewer rows"):
        write(tmp_path / "large", {}, {"X": np.zeros(100)}, "model")
    monkeypatch.setattr(container, "MAX_BYTES", 10**9)
    monkeypatch.setattr(container, "MAX_HEADER_BYTES", 20)
    with pytest.raises(ContainerError, match="is no header of gpkit"):
        read(small, "model")
    with pytest.raises(ValueError, match="too much for one"):
        write(tmp_path / "large", HEADER, {}, "model")
    assert os.listdir(tmp_path) == [small.name]


# ---------------------------------------------------------------- the system refuses


def fails(code):
    def refuse(*_args, **_more):
        raise OSError(code, os.strerror(code))

    return refuse


@pytest.mark.parametrize("call", ["fsync", "replace"])
@pytest.mark.parametrize(
    ("code", "remedy"),
    [(errno.ENOSPC, "free some space"), (errno.EROFS, "not read-only"), (errno.EIO, "try again")],
)
def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    small, monkeypatch, call, code, remedy
):
    old = small.read_bytes()
    monkeypatch.setattr(os, call, fails(code))
    with pytest.raises(OSError, match=remedy) as caught:
        write(small, {"new": 1}, {}, "model")
    assert caught.value.errno == code
    assert caught.value.filename == str(small)
    assert os.listdir(small.parent) == [small.name]
    assert small.read_bytes() == old


def test_a_disk_that_fills_up_while_writing(small):
    resource = pytest.importorskip("resource")
    old, limits = small.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        with pytest.raises(OSError, match="limits the size of files"):
            write(small, {}, {"X": np.zeros(10**5)}, "model")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert os.listdir(small.parent) == [small.name]
    assert small.read_bytes() == old


def test_a_read_only_folder(small, monkeypatch):
    # By hand: a superuser may write everywhere.
    old = small.read_bytes()
    monkeypatch.setattr("builtins.open", fails(errno.EACCES))
    with pytest.raises(PermissionError, match=r"write.*a place that you have access to"):
        write(small, {}, {}, "model")
    with pytest.raises(PermissionError, match=r"read.*a place that you have access to"):
        read(small, "model")
    monkeypatch.undo()
    assert os.listdir(small.parent) == [small.name]
    assert small.read_bytes() == old


def test_ctrl_c_while_writing_leaves_nothing(tmp_path, monkeypatch):
    def interrupt(_handle):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "x", {}, {}, "model")
    assert os.listdir(tmp_path) == []


def test_files_that_are_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"can't read.*check the name.*gone"):
        read(tmp_path / "gone", "model")
    with pytest.raises(FileNotFoundError, match=r"can't write.*its folder exists.*no.folder"):
        write(tmp_path / "no" / "folder", {}, {}, "model")
    with pytest.raises(IsADirectoryError, match="give the name of a file in it"):
        read(tmp_path, "model")
    with pytest.raises(IsADirectoryError, match="give the name of a file in it"):
        write(tmp_path, {}, {}, "model")
    assert os.listdir(tmp_path) == []


def test_a_link_stays_a_link_and_permissions_are_the_usual_ones(tmp_path, small):
    link, plain = tmp_path / "link", tmp_path / "plain"
    link.symlink_to(small.name)
    write(link, {"new": 1}, {}, "model")
    assert link.is_symlink()
    assert read(small, "model")[0] == {"new": 1}
    plain.write_bytes(b"")
    assert small.stat().st_mode == plain.stat().st_mode


def test_a_second_write_replaces_the_first(small):
    write(os.fsencode(small), {"new": 2}, {}, "model")
    assert read(str(small), "model") == ({"new": 2}, {})
    assert os.listdir(small.parent) == [small.name]


KILLED = """
import os, sys
sys.path.insert(0, {root!r})
from gpkit import container
import numpy as np
real = os.fsync
def die(handle):
    os.kill(os.getpid(), 9)
os.fsync = die
container.write({path!r}, {{}}, {{"X": np.zeros(1000)}}, "model")
"""


def test_debris_of_killed_writers_does_not_grow(small):
    root = str(Path(__file__).parents[1])
    for _ in range(3):
        program = KILLED.format(root=root, path=str(small))
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
        assert done.returncode == -signal.SIGKILL, done.stderr
        # The next one removes what the last one left, and is killed itself.
        assert len(os.listdir(small.parent)) == 2
    write(small, {"new": 2}, {}, "model")
    assert os.listdir(small.parent) == [small.name]


def test_files_of_living_writers_and_of_others_are_no_debris(small):
    other = small.parent / ".gpkit-notes.txt"
    other.write_text("mine")
    name, file = container._temporary(str(small.parent))
    with file:
        write(small, {"new": 2}, {}, "model")
        assert sorted(os.listdir(small.parent)) == sorted([other.name, Path(name).name, small.name])
    write(small, {"new": 3}, {}, "model")
    assert sorted(os.listdir(small.parent)) == sorted([other.name, small.name])


def test_a_temporary_file_taken_for_debris_is_made_anew(small, monkeypatch):
    real, stolen = container._locked, []

    def lose_the_first(handle, *, wait):
        if wait and not stolen:
            stolen.extend(p for p in small.parent.iterdir() if p.suffix == ".tmp")
            stolen[0].unlink()
        return real(handle, wait=wait)

    monkeypatch.setattr(container, "_locked", lose_the_first)
    write(small, {"new": 4}, {}, "model")
    assert len(stolen) == 1
    assert read(small, "model")[0] == {"new": 4}
    assert os.listdir(small.parent) == [small.name]


def test_the_layout_is_the_documented_one(small):
    data = small.read_bytes()
    magic, version, h, p = struct.unpack_from("<8sIIQ", data)
    assert (magic.hex(), version) == ("8947504b0d0a1a0a", 1)
    assert json.loads(data[24 : 24 + h]) == {"kind": "model", "header": HEADER}
    assert len(data) == 24 + h + p + 32
    assert hashlib.sha256(data[:-32]).digest() == data[-32:]
