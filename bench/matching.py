"""Records matched by us and by Splink, one after the other in the same run, on sets with labels.

Splink runs with the settings of its own demos for each set: its blocking rules, comparisons and
training, and clusters at a probability of 0.95. We run with no settings at all, the same for every
set, and see no labels. Seconds are of the whole way from the file to the clusters, by the clock and
of CPU (all threads); on a machine that does other things as well, compare the latter.
"""

import argparse
import contextlib
import io
import logging
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from onefold.identity import match
from tests.datasets import ROOT

DATA = ROOT / "identity"
Labels = Sequence[str]


class Found(NamedTuple):
    """Clusters and truth of the same rows, and the seconds it took."""

    clusters: Labels
    truth: Labels
    seconds: float
    cpu_seconds: float


class Set(NamedTuple):
    """A labelled set: its files, the truth from its columns, and Splink's demo for it."""

    files: tuple[str, ...]
    truth: str  # an SQL expression over the columns
    unique: str
    splink: Callable[[Any, Sequence[Any]], tuple[Any, float]]


def _ours(one: Set) -> Found:
    start, cpu = time.perf_counter(), time.process_time()
    tables = [match.files.read(DATA / name)[0] for name in one.files]
    names = tables[0].names
    table = match.columns.Table(
        names, [[cell for t in tables for cell in t.cells[c]] for c in range(len(names))]
    )
    seen = match.columns.recognise(table)
    clusters = [""] * table.count
    for rows, found in match.engine.match_mixed(table, seen):
        for row, first in zip(rows.tolist(), found.clusters.tolist(), strict=True):
            clusters[row] = str(rows[first])
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    column = table.cells[names.index("cluster" if "cluster" in names else one.unique)]
    truth = [str(value) for value in column]
    if "cluster" not in names:  # febrl: rec-1496-dup-0 is rec-1496
        truth = ["-".join(value.split("-")[:2]) for value in truth]
    return Found(clusters, truth, seconds, cpu)


def _splink(one: Set) -> Found:
    import duckdb
    from splink import DuckDBAPI

    start, cpu = time.perf_counter(), time.process_time()
    con = duckdb.connect()
    tables = []
    for number, name in enumerate(one.files):
        path = DATA / name
        read = "read_parquet" if path.suffix == ".parquet" else "read_csv"
        options = "" if path.suffix == ".parquet" else ", all_varchar = true"
        con.execute(f"CREATE TABLE t{number} AS SELECT * FROM {read}('{path}'{options})")
        columns = con.table(f"t{number}").columns
        kept = ", ".join(f'nullif(trim("{c}"::varchar), \'\') AS "{c.strip()}"' for c in columns)
        con.execute(f"CREATE TABLE s{number} AS SELECT {kept} FROM t{number}")
        tables.append(con.table(f"s{number}"))
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        linker, threshold = one.splink(DuckDBAPI(connection=con), tables)
        pairs = linker.inference.predict(threshold_match_probability=0.2)
        clusters = linker.clustering.cluster_pairwise_predictions_at_threshold(
            pairs, threshold_match_probability=threshold
        )
        rows = clusters.as_duckdbpyrelation().project(f"cluster_id, {one.truth}").fetchall()
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    con.close()
    return Found([str(c) for c, _ in rows], [str(t) for _, t in rows], seconds, cpu)


# ── Splink's own demos ─────────────────────────────────────────────────────────────────────────


def _historical(api: Any, tables: Sequence[Any]) -> tuple[Any, float]:
    """Splink's demo "Linking a dataset of real historical persons"."""
    import splink.comparison_library as cl
    from splink import Linker, SettingsCreator, block_on

    area = "substr(postcode_fake,1,3)"
    settings = SettingsCreator(
        link_type="dedupe_only",
        blocking_rules_to_generate_predictions=[
            block_on("substr(first_name,1,3)", "substr(surname,1,4)"),
            block_on("surname", "dob"),
            block_on("first_name", "dob"),
            block_on("postcode_fake", "first_name"),
            block_on("postcode_fake", "surname"),
            block_on("dob", "birth_place"),
            block_on(area, "dob"),
            block_on(area, "first_name"),
            block_on(area, "surname"),
            block_on("substr(first_name,1,2)", "substr(surname,1,2)", "substr(dob,1,4)"),
        ],
        comparisons=[
            cl.ForenameSurnameComparison(
                "first_name",
                "surname",
                forename_surname_concat_col_name="first_name_surname_concat",
            ),
            cl.DateOfBirthComparison("dob", input_is_string=True),
            cl.PostcodeComparison("postcode_fake"),
            cl.ExactMatch("birth_place").configure(term_frequency_adjustments=True),
            cl.ExactMatch("occupation").configure(term_frequency_adjustments=True),
        ],
    )
    both = "first_name || ' ' || surname AS first_name_surname_concat"
    linker = Linker(api.register(tables[0].project(f"*, {both}")), settings)
    training = linker.training
    training.estimate_probability_two_random_records_match(
        [
            block_on("first_name", "surname", "dob"),
            block_on("substr(first_name,1,2)", "surname", "substr(postcode_fake,1,2)"),
            block_on("dob", "postcode_fake"),
        ],
        recall=0.6,
    )
    training.estimate_u_using_random_sampling(max_pairs=1e7)
    for rule in (block_on("first_name", "surname"), block_on("dob")):
        training.estimate_parameters_using_expectation_maximisation(
            rule, estimate_without_term_frequencies=True
        )
    return linker, 0.95


def _fake(api: Any, tables: Sequence[Any]) -> tuple[Any, float]:
    """Splink's demo on fake_1000, "Evaluation when you have fully labelled data".

    Its quick start and tutorial use the same set with fewer blocking rules and find less.
    """
    import splink.comparison_library as cl
    from splink import Linker, SettingsCreator, block_on

    settings = SettingsCreator(
        link_type="dedupe_only",
        blocking_rules_to_generate_predictions=[
            block_on("first_name"), block_on("surname"), block_on("dob"), block_on("email"),
        ],
        comparisons=[
            cl.ForenameSurnameComparison("first_name", "surname"),
            cl.DateOfBirthComparison("dob", input_is_string=True),
            cl.ExactMatch("city").configure(term_frequency_adjustments=True),
            cl.EmailComparison("email"),
        ],
    )  # fmt: skip
    linker = Linker(api.register(tables[0]), settings)
    training = linker.training
    training.estimate_probability_two_random_records_match(
        [
            "l.first_name = r.first_name and levenshtein(r.dob, l.dob) <= 1",
            "l.surname = r.surname and levenshtein(r.dob, l.dob) <= 1",
            "l.first_name = r.first_name and levenshtein(r.surname, l.surname) <= 2",
            "l.email = r.email",
        ],
        recall=0.7,
    )
    training.estimate_u_using_random_sampling(max_pairs=1e6, seed=5)
    for rule in (block_on("dob"), block_on("email"), block_on("first_name", "surname")):
        training.estimate_parameters_using_expectation_maximisation(
            rule, estimate_without_term_frequencies=True
        )
    return linker, 0.95


def _febrl(api: Any, tables: Sequence[Any]) -> tuple[Any, float]:
    """Splink's detailed model of "Linking the febrl4 datasets", on one file or two."""
    import splink.comparison_library as cl
    from splink import Linker, SettingsCreator, block_on

    settings = SettingsCreator(
        unique_id_column_name="rec_id",
        link_type="link_only" if len(tables) > 1 else "dedupe_only",
        blocking_rules_to_generate_predictions=[
            block_on("given_name", "surname"),
            "l.given_name = r.surname and l.surname = r.given_name",
            block_on("date_of_birth"),
            block_on("soc_sec_id"),
            block_on("state", "address_1"),
            block_on("street_number", "address_1"),
            block_on("postcode"),
        ],
        comparisons=[
            cl.NameComparison("given_name").configure(term_frequency_adjustments=True),
            cl.NameComparison("surname").configure(term_frequency_adjustments=True),
            cl.DateOfBirthComparison(
                "date_of_birth",
                input_is_string=True,
                datetime_format="%Y%m%d",
                invalid_dates_as_null=True,
            ),
            cl.DamerauLevenshteinAtThresholds("soc_sec_id", [1, 2]),
            cl.ExactMatch("street_number").configure(term_frequency_adjustments=True),
            cl.DamerauLevenshteinAtThresholds("postcode", [1, 2]).configure(
                term_frequency_adjustments=True
            ),
        ],
    )
    linker = Linker([api.register(table) for table in tables], settings)
    training = linker.training
    training.estimate_probability_two_random_records_match(
        [block_on("soc_sec_id"), block_on("given_name", "surname", "date_of_birth")], recall=0.8
    )
    training.estimate_u_using_random_sampling(max_pairs=1e6)
    for rule in (block_on("date_of_birth"), block_on("postcode")):
        training.estimate_parameters_using_expectation_maximisation(
            rule, estimate_without_term_frequencies=True
        )
    return linker, 0.95


_REC = "regexp_extract(rec_id, '^([^-]+-[^-]+)', 1)"
SETS = {
    "historical_50k": Set(
        ("historical_figures_with_errors_50k.parquet",), "cluster", "unique_id", _historical
    ),
    "fake_1000": Set(("fake_1000.csv",), "cluster", "unique_id", _fake),
    "febrl3": Set(("febrl_dataset3.csv",), _REC, "rec_id", _febrl),
    "febrl4": Set(("febrl_dataset4a.csv", "febrl_dataset4b.csv"), _REC, "rec_id", _febrl),
}


def _figures(found: Found) -> dict[str, float]:
    quality = match.measure.quality(found.clusters, found.truth)
    return {
        "precision": round(quality.precision, 4),
        "recall": round(quality.recall, 4),
        "f1": round(quality.f1, 4),
        "b3": round(quality.b3, 4),
        "over_merged": quality.over_merged,
        "seconds": round(found.seconds, 2),
        "cpu_seconds": round(found.cpu_seconds, 2),
    }


def _line(name: str, who: str, figures: dict[str, float]) -> None:
    print(
        f"{name:15} {who:7} F1 {figures['f1']:.4f} (P {figures['precision']:.4f} "
        f"R {figures['recall']:.4f})  B³ {figures['b3']:.4f}  {figures['seconds']:.1f} s "
        f"(CPU {figures['cpu_seconds']:.1f} s)",
        flush=True,
    )


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Every set that is there, by both."""
    del options
    logging.getLogger("splink").setLevel(logging.ERROR)
    _warm()
    out: dict[str, Any] = {}
    for name, one in SETS.items():
        if not all((DATA / file).exists() for file in one.files):
            print(f"{name}: not in {DATA}, left out; ONEFOLD_DATASETS names the folder")
            continue
        ours, theirs = _figures(_ours(one)), _figures(_splink(one))
        _line(name, "onefold", ours)
        _line(name, "splink", theirs)
        out[name] = {
            "onefold": ours,
            "splink": theirs,
            "error_ratio": round((1 - ours["f1"]) / max(1 - theirs["f1"], 1e-9), 3),
            "seconds_ratio": round(ours["seconds"] / theirs["seconds"], 3),
            "cpu_ratio": round(ours["cpu_seconds"] / theirs["cpu_seconds"], 3),
        }
        ratios = out[name]["error_ratio"], out[name]["seconds_ratio"], out[name]["cpu_ratio"]
        shown = "{} of the pairwise error, {} of the seconds, {} of the CPU".format(*ratios)
        print(f"{name:15} ours / theirs: {shown}", flush=True)
    return out


def _warm() -> None:
    """Load both sides' modules, so that no set pays for it."""
    import duckdb
    import splink  # noqa: F401

    duckdb.sql("SELECT 1").fetchall()
    table = match.columns.Table(["name"], [["Ann Lee", "Ann Lea"]])
    match.engine.match_mixed(table, match.columns.recognise(table))
    np.zeros(1)
