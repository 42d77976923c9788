"""Which columns take part, and words for those that can't."""

import pytest

from gpkit.commands.opening import open_data


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(
        "size,rooms,when,town\n1,2,2020-01-01,Rome\n2,5,2020-01-02,Oslo\n4,4,2020-01-05,Rome\n"
    )
    return path


def test_a_text_target_says_what_to_do(settings, table):
    with pytest.raises(ValueError) as caught:
        open_data(settings(table))
    assert str(caught.value) == (
        "column 'town' is a target but holds text, such as 'Rome' (line 2) (it is the last column; "
        "no --target was given); gpkit does regression: choose a column of numbers with --target "
        "('size', 'rooms'), or use a classifier for classes"
    )
    with pytest.raises(ValueError, match="'when' is a target but holds dates"):
        open_data(settings(table, target="when"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": "siez"}, "target names 'siez', which is no column; did you mean 'size'"),
        ({"target": "size", "inputs": ("room",)}, "inputs names 'room'.*did you mean 'rooms'"),
        ({"target": "size", "drop": ("twon",)}, "drop names 'twon'.*did you mean 'town'"),
        ({"target": "size", "categorical": ("rom",)}, "categorical names 'rom'"),
        ({"target": "size", "inputs": ("size",)}, "inputs names 'size', which is the target"),
        ({"drop": ("town",)}, "drop names 'town', which is the target .the last column"),
        ({"target": "size", "inputs": ("town",), "drop": ("town",)}, "no input column is left"),
        ({"target": "size", "sep": ";"}, "has the single column"),
        ({"target": "size", "decimal": ";"}, "decimal must be"),
    ],
)
def test_names_are_checked(settings, table, options, message):
    with pytest.raises(ValueError, match=message):
        open_data(settings(table, **options))


def test_marks_are_for_files(settings):
    with pytest.raises(ValueError, match="--sep is for files; 'nile' names a data set"):
        open_data(settings("nile", sep=";"))


def test_only_ids_are_no_input(settings, tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("id,y\n1,2\n2,5\n3,4\n")
    with pytest.raises(
        ValueError, match=r"no input column is left: 'id': numbers the rows.*--inputs"
    ):
        open_data(settings(path))
    assert open_data(settings(path, inputs=("id",))).inputs == ("id",)


def test_what_was_found_out_is_kept_for_people(settings, tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("zip;size;y\n01;1.200,5;2\n02;3;?\n01;4,5;4\n")
    opened = open_data(settings(path))
    assert opened.notes == ("columns are separated by ';'", "numbers have a decimal comma")
    assert opened.remarks == {
        "zip": "leading zeros (01): labels, not numbers",
        "size": "1.200,5 read as 1200.5",
        "y": "1 missing (?)",
    }
    assert opened.place(2) == "line 4"
