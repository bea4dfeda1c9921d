"""What `onefold match` makes of small files of many shapes."""

import csv
import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from onefold.cli import matching
from onefold.identity import match
from onefold.kernel import errors

PEOPLE = """first_name;Nachname;geburtsdatum;email;plz
Anna;Müller;1980-03-04;anna.mueller@firma.de;10115
anna;muller;04.03.1980;anna.mueller@firma.de;10115
Peter;Schmidt;1975-11-30;p.schmidt@web.de;80331
Pete;Schmidt;1975-11-30;p.schmidt@web.de;80331
Olga;Ivanova;1991-07-21;;20095
Ольга;Иванова;1991-07-21;;20095
Jan;de Vries;1969-01-02;jan@devries.nl;50667
Maria;Lopez;1988-12-12;maria@lopez.es;50667
"""
COMPANIES = """Company,Website,City
Acme Industries Inc.,https://www.acme.com,Boston
ACME Industries,acme.com,Boston
Müller & Söhne GmbH & Co. KG,mueller-soehne.de,Köln
Mueller & Soehne,www.mueller-soehne.de,Koeln
Northwind Traders Ltd,northwind.co.uk,Leeds
Southwind Traders Ltd,southwind.co.uk,Leeds
"""


def _match(folder: Path, text: str, kind: str = "auto") -> list[str]:
    source, out = folder / "in.csv", folder / "out.csv"
    source.write_text(text, encoding="utf-8")
    matching.run(source, out, None, kind, lambda _: None)
    lines = out.read_text(encoding="utf-8").splitlines()
    rows = list(csv.reader(lines, delimiter=";" if ";" in lines[0] else ","))
    assert rows[0][-1] == "cluster"
    return [row[-1] for row in rows[1:]]


def test_people_are_found_across_spellings_dates_and_scripts(tmp_path: Path) -> None:
    assert _match(tmp_path, PEOPLE) == ["1", "1", "3", "3", "5", "5", "7", "8"]


def test_companies_are_found_across_legal_forms(tmp_path: Path) -> None:
    assert _match(tmp_path, COMPANIES) == ["1", "1", "3", "3", "5", "6"]


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_tiny_files_have_a_cluster_for_each_row(tmp_path: Path, rows: int) -> None:
    text = "\n".join(["name", "Ada Lovelace", "Alan Turing"][: rows + 1]) + "\n"
    assert len(_match(tmp_path, text)) == rows


def test_equal_rows_are_one_and_blank_rows_are_each_their_own(tmp_path: Path) -> None:
    text = "name,email\nAda Lovelace,ada@x.org\n,\nAda Lovelace,ada@x.org\n,\n"
    assert _match(tmp_path, text) == ["1", "2", "1", "4"]


def test_a_label_in_the_file_is_no_evidence_and_is_kept(tmp_path: Path) -> None:
    table = pa.table({"name": ["Ada Lovelace", "Alan Turing"], "cluster": ["a", "a"]})
    pq.write_table(table, tmp_path / "in.parquet")
    matching.run(tmp_path / "in.parquet", tmp_path / "o.parquet", None, "auto", lambda _: None)
    got = pq.read_table(tmp_path / "o.parquet").to_pydict()
    assert got["cluster"] == ["1", "2"]
    assert got["cluster_before"] == ["a", "a"]


def test_what_is_wrong_is_said(tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_text("price\n1\n2\n")
    for mapped, words in ((None, "--map"), ("x=name", "not a column"), ("price=foo", "not a role")):
        with pytest.raises(errors.Invalid, match=words):
            matching.run(source, tmp_path / "out.csv", mapped, "auto", lambda _: None)
    with pytest.raises(errors.Invalid, match="is not a file"):
        matching.run(tmp_path / "no.csv", tmp_path / "out.csv", None, "auto", lambda _: None)


def test_measures_know_perfect_split_and_merged() -> None:
    truth = [0, 0, 1, 1]
    assert match.measure.quality([5, 5, 6, 6], truth).f1 == 1
    split = match.measure.quality([0, 1, 2, 3], truth)
    assert (split.recall, split.over_merged) == (0, 0)
    merged = match.measure.quality([0, 0, 0, 0], truth)
    assert (merged.recall, round(merged.precision, 3), merged.entities_max) == (1, 0.333, 2)


def test_the_kind_or_country_of_an_identifier_is_no_identifier() -> None:
    for header in ("PASSPORT_COUNTRY", "taxIdType", "DRIVERS_LICENSE_STATE", "phone type"):
        assert match.headers.role(header) == "ignore", header
    assert match.headers.role("passport_number") == "id"


def _households(people: int) -> tuple[list[list[str | None]], list[str]]:
    """Families and an office that share address, phone and inbox; each person is there twice."""
    rng = random.Random(5)
    cells: list[list[str | None]] = [[], [], [], [], []]
    truth = []
    for home in range(people // 4):
        phone = f"+49301{rng.randrange(10**6, 10**7)}"
        street = f"{rng.randrange(1, 99)} {rng.choice('ABCDEFGH')}{rng.randrange(999)} Street"
        family = rng.choice(("Moor", "Lind", "Ochs", "Fahl", "Brandt", "Keil"))
        given = rng.sample(("Anna", "Bertram", "Cecil", "Dora", "Emil", "Frieda", "Hugo"), 4)
        for name in given:
            born = f"{rng.randrange(1950, 2005)}-0{rng.randrange(1, 10)}-{rng.randrange(10, 29)}"
            for _ in range(2):
                row = (f"{name} {family}", born, f"home{home}@x.example", phone, street)
                for column, value in zip(cells, row, strict=True):
                    column.append(value)
                truth.append(f"{home}-{name}")
    return cells, truth


def test_people_of_one_household_or_office_stay_apart() -> None:
    cells, truth = _households(400)
    table = match.columns.Table(["name", "born", "email", "phone", "address"], cells)
    found = match.engine.match(table, match.columns.recognise(table))
    quality = match.measure.quality(found.clusters.tolist(), truth)
    assert quality.f1 > 0.95
    assert quality.entities_max <= 2


def test_a_file_without_duplicates_has_none_found() -> None:
    rng = random.Random(3)
    given, surname = ["Ann", "Bob", "Cid", "Dan", "Eve", "Flo"], ["Ash", "Birch", "Cedar", "Elm"]
    cells: list[list[str | None]] = [[], [], [], []]
    for n in range(1_500):
        one, other = rng.choice(given), rng.choice(surname)
        born = f"{rng.randrange(1930, 2009)}-0{rng.randrange(1, 10)}-{rng.randrange(10, 29)}"
        mail = f"{one}.{other}@{rng.choice(('a', 'b', 'c'))}{n}.example".lower()
        for column, value in zip(cells, (one, other, born, mail), strict=True):
            column.append(value)
    table = match.columns.Table(["first name", "last name", "date of birth", "email"], cells)
    found = match.engine.match(table, match.columns.recognise(table))
    assert len(set(found.clusters.tolist())) > 1_480


def test_the_waterfall_says_that_a_place_is_shared() -> None:
    cells, _ = _households(400)
    table = match.columns.Table(["name", "born", "email", "phone", "address"], cells)
    found = match.engine.match(table, match.columns.recognise(table))
    steps = match.explain.waterfall(found.model, found.records, 0, 2)
    assert steps[-1].name == "place"
    assert sum(step.bits for step in steps) < 0


def test_a_file_without_a_header_loses_no_row(tmp_path: Path) -> None:
    text = "7,Anna,Ash,1980-03-04,anna@x.org\n8,Bob,Birch,1975-11-30,bob@y.org\n"
    text += "9,Ann,Ash,1980-03-04,anna@x.org\n"
    assert _match(tmp_path, text) == ["1", "2", "1"]
    assert match.files.headless([["Ada Lovelace"], ["Alan Turing"], ["Grace Hopper"]])
    assert not match.files.headless([["name", "2023", "2024"], ["Ada", "10", "12"]])
    assert not match.files.headless([["full name"], ["Ada Lovelace"], ["Alan Turing"]])


def test_cryptic_headers_and_birth_dates_in_three_columns_are_recognised() -> None:
    names = ["fname_c1", "lname_c1", "by", "bm", "bd"]
    rows = [["CARSTEN", "MEIER", "1949", "7", "22"], ["GERD", "BAUER", "1968", "7", "27"]]
    cells: list[list[str | None]] = [[row[c] for row in rows] for c in range(5)]
    seen = match.columns.recognise(match.columns.Table(names, cells))
    assert list(seen.roles.values()) == ["given", "surname", "year", "month", "day"]
    records = match.features.build(match.columns.Table(names, cells), seen)
    assert records.features["dob"].values == ["19490722", "19680727"]
    for header, role in (("sn", "surname"), ("gn", "given"), ("cp", "postcode")):
        assert match.headers.role(header) == role


def test_first_names_are_told_by_their_values() -> None:
    rows = [["Anna", "Zwicky"], ["Thomas", "Ophoven"], ["Maria", "Quist"], ["Peter", "Rubel"]]
    cells: list[list[str | None]] = [[row[c] for row in rows] for c in range(2)]
    seen = match.columns.recognise(match.columns.Table(["x1", "x2"], cells))
    assert list(seen.roles.values()) == ["given", "surname"]


def test_companies_are_found_by_their_names_alone() -> None:
    rng = random.Random(8)
    forms = ("Inc", "GmbH", "S.p.A.", "Limited", "A/S", "Sp. z o.o.", "")
    lines = ("Tech", "Foods", "Energy", "Media", "Marine", "Robotics", "Textiles")
    cells: list[str | None] = []
    truth = []
    for number in range(700):
        first = "".join(rng.choice("bdfgklmnprst") + rng.choice("aeiou") for _ in range(4))
        for _ in range(2):
            cells.append(f"{first.title()} {lines[number % 7]} {rng.choice(forms)}".strip())
            truth.append(number)
    table = match.columns.Table(["vendor"], [cells])
    found = match.engine.match(table, match.columns.recognise(table))
    quality = match.measure.quality(found.clusters.tolist(), truth)
    assert quality.recall > 0.95
    assert quality.precision > 0.9


@pytest.mark.parametrize(
    ("headers", "roles"),
    [
        ("الاسم الأول,اسم العائلة,البريد,المدينة", "given,surname,email,city"),
        ("氏名,生年月日,メール,住所", "name,dob,email,address"),
        ("이름,성,전화번호,도시", "given,surname,phone,city"),
        ("Jméno,Příjmení,Datum narození,PSČ", "given,surname,dob,postcode"),
        ("שם פרטי,שם משפחה,טלפון,עיר", "given,surname,phone,city"),
        ("Όνομα,Επώνυμο,Κινητό,Πόλη", "given,surname,phone,city"),
        ("Ad,Soyad,Doğum Tarihi,Şehir", "given,surname,dob,city"),
    ],
)
def test_headers_are_known_in_many_scripts(headers: str, roles: str) -> None:
    assert [match.headers.role(header) for header in headers.split(",")] == roles.split(",")


def test_phones_without_a_country_take_that_of_the_others(tmp_path: Path) -> None:
    text = (
        "mobile\n+12025550143\n(202) 555-0143\n2025550143\n+1 415 555 0199\n415-555-0199\n"
        "+44 20 7946 0018\n6465550111\n"
    )
    assert _match(tmp_path, text) == ["1", "1", "1", "4", "4", "6", "7"]
