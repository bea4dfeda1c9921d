"""Quality on labelled sets, which lie beside the repository or where ONEFOLD_DATASETS says."""

import pytest

from onefold.identity import match
from tests import datasets

SETS = {
    "febrl3": (["febrl_dataset3.csv"], "rec_id", 0.998, 0.998),
    "febrl4": (["febrl_dataset4a.csv", "febrl_dataset4b.csv"], "rec_id", 0.998, 0.998),
    "fake_1000": (["fake_1000.csv"], "cluster", 0.94, 0.95),
    "historical_50k": (["historical_figures_with_errors_50k.parquet"], "cluster", 0.86, 0.885),
}


def loaded(files: list[str], label: str) -> tuple[match.columns.Table, list[str]]:
    """The rows of the files without the label's column, and the labels."""
    tables = [match.files.read(datasets.path("identity", name))[0] for name in files]
    names = tables[0].names
    cells = [[cell for table in tables for cell in table.cells[c]] for c in range(len(names))]
    truth = [str(cell) for cell in cells[names.index(label)]]
    kept = [c for c, name in enumerate(names) if name != label]
    if label == "rec_id":
        truth = [text.split("-")[1] for text in truth]
    return match.columns.Table([names[c] for c in kept], [cells[c] for c in kept]), truth


@pytest.mark.slow
@pytest.mark.parametrize("name", SETS)
def test_the_same_defaults_reach_the_aim_on_every_set(name: str) -> None:
    files, label, f1, b3 = SETS[name]
    table, truth = loaded(files, label)
    matching = match.engine.match(table, match.columns.recognise(table))
    quality = match.measure.quality(matching.clusters.tolist(), truth)
    assert quality.f1 >= f1
    assert quality.b3 >= b3


def test_a_model_survives_its_file_and_the_waterfall_adds_up() -> None:
    names = ["name", "dob", "email"]
    rows = [["Ada Lovelace", "1815-12-10", "ada@x.org"],
            ["Ada Lovelace", "1815-12-01", "ada@x.org"],
            ["Alan Turing", "1912-06-23", "alan@y.org"]]  # fmt: skip
    cells: list[list[str | None]] = [[row[c] for row in rows] for c in range(3)]
    table = match.columns.Table(names, cells)
    matching = match.engine.match(table, match.columns.recognise(table))
    again = match.splink.load(match.splink.dump(matching.model))
    assert again == matching.model
    steps = match.explain.waterfall(again, matching.records, 0, 1)
    at = matching.scored.pairs[0].tolist().index(0)
    assert matching.scored.pairs[1][at] == 1
    assert sum(step.bits for step in steps) == pytest.approx(matching.scored.bits[at])
