"""The table of columns that people see."""

from gpkit.commands.columns import ColumnRow, column_table, trained_rows
from gpkit.commands.loading import load_work
from gpkit.data import Encoder
from gpkit.report.tables import to_text


def test_every_column_has_a_row(settings, tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(
        "id;day;kind;x;gone;same;y\n"
        + "".join(f"{i};{20200101 + i};{'ab'[i % 2]};{i % 4};u;7;{i * i % 5}\n" for i in range(9))
    )
    work = load_work(settings(path, drop=("gone",)))
    assert [row.record() for row in work.columns][:3] == [
        {"name": "day", "type": "date", "levels": None,
         "action": "days since 1970-01-01, standardised; yyyymmdd read as dates"},
        {"name": "kind", "type": "category", "levels": 2,
         "action": "one 0/1 column for each level"},
        {"name": "x", "type": "numeric", "levels": None, "action": "standardised"},
    ]  # fmt: skip
    rest = {row.name: (row.type, row.action) for row in work.columns[3:]}
    assert rest == {
        "y": ("numeric", "target"),
        "gone": ("", "left out: --drop"),
        "id": ("numeric", "left out: numbers the rows; to use it, name it in --inputs"),
        "same": ("numeric", "left out: is constant (7)"),
    }


def test_levels_after_a_fit_are_those_of_the_training_rows(settings, tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(
        "k,x,t,y\n" + "".join(f"{'abc'[i // 4]},{i // 10},{i},{i * i}\n" for i in range(12))
    )
    work = load_work(settings(path, split="time:t", test_fraction=0.3, inputs=("k", "x")))
    rows = {r.name: r for r in trained_rows(work.columns, Encoder.fit(work.train.X[["k"]]).schema)}
    assert rows["k"].levels == 2


def test_a_table_fits_in_eighty_columns_and_of_many_columns_shows_the_odd_ones():
    rows = [
        ColumnRow(f"column number {i} of the machine", "numeric", None, "standardised")
        for i in range(60)
    ]
    rows.append(ColumnRow("town", "category", 12, "one 0/1 column for each level; 3 missing (NA)"))
    lines = to_text(column_table(rows)).splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[1].split()[:3] == ["town", "category", "12"]
    assert lines[-1].split() == ["(60", "more)", "standardised"]
    assert len(to_text(column_table(rows[:40])).splitlines()) == 41
