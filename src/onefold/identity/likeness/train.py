"""Training a model on the workspace's own records, and models in and out as Splink's file."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from onefold.identity.likeness import fields, keys
from onefold.identity.match import Comparison, Model, block, engine, estimate, plan, splink
from onefold.identity.match.model import Records
from onefold.kernel import errors, limits

_SAMPLE = {name: name for name in fields.ROLES} | {
    "email": "ann@acme.co", "phone": "+4930123456", "phone_2": "+4930123457",
    "phone_3": "+4930123458", "dob": "19700102", "name": "",
}  # fmt: skip


_PRIOR_MAX = 0.5
_COMMON_MIN = 3  # people who hold a value
_TWICE_MIN = 0.02  # of the people: a workspace without duplicates yet does not stay so


def train(rows: Sequence[Mapping[str, str]], known: Sequence[bool], of_all: int) -> Model:
    """A model from rows of fields, without labels.

    `known`: who has an identifier of which a person has one alone, such as a user id. Two of them
    are two people, so their pairs teach nothing but what differs: colleagues who share company,
    domain and title would else be taken for one person.

    When the rows are a sample that keeps likely duplicates together, two records taken from all are
    one person that much more rarely.
    """
    records = keys.records_of(rows)
    planned = plan.plan(records)
    comparisons = tuple(one.comparison for one in planned)
    left, right = block.candidates(records)
    sole = np.array(known, dtype=bool)
    may = ~(sole[left] & sole[right])
    pairs = (left[may], right[may])
    drawn = estimate.random_pairs(records.count, np.random.default_rng(1))
    learnt, prior = estimate.train(
        comparisons,
        estimate.patterns(estimate.gammas(planned, records, pairs), comparisons),
        estimate.patterns(estimate.gammas(planned, records, drawn), comparisons),
        records.count,
    )
    share = max(records.count - 1, 1) / max(of_all - 1, 1)
    model = Model("person", learnt, prior)
    return replace(
        model,
        comparisons=splink.trained(_here(), model),
        prior=min(max(prior * share, 2 * _TWICE_MIN / max(of_all - 1, 1)), _PRIOR_MAX),
        frequencies={one.feature: _common(records, one) for one in learnt},
    )


def body_of(model: Model) -> bytes:
    """The model as the file that Splink writes and reads."""
    return splink.dump(model)


def digest_of(body: bytes) -> str:
    """What tells models apart."""
    return hashlib.sha256(body).hexdigest()


def read(body: bytes) -> Model:
    """A model from such a file. Raises `Invalid` when nothing in it fits what is compared here."""
    if len(body) > limits.match_model_bytes_max:
        most = limits.match_model_bytes_max // 1_000_000
        fault = errors.Fault("model", f"is larger than {most} MB.", "Leave term tables out.")
        raise errors.Invalid(fault)
    loaded = splink.load(body)
    here = _here()
    known = {one.name: len(one.levels) for one in here}
    fits = [one for one in loaded.comparisons if known.get(one.name) == len(one.levels)]
    if loaded.kind != "person" or not fits or not 0 < loaded.prior < 1:
        named = ", ".join(f"`{name}` ({n} levels)" for name, n in known.items())
        theirs = ", ".join(f"`{o.name}` ({len(o.levels)})" for o in loaded.comparisons) or "none"
        raise errors.Invalid(
            errors.Fault(
                "comparisons",
                f"fit nothing that is compared here: {theirs}.",
                f"Name them after, and give them the levels of: {named}.",
            )
        )
    return replace(loaded, comparisons=splink.trained(here, loaded))


def usual(prior: float) -> Model:
    """A model that has learnt nothing yet: what such fields usually show."""
    return Model("person", _here(), prior)


def _here() -> tuple[Comparison, ...]:
    """Everything that can be compared here, with starting values: fields may be told later."""
    return tuple(one.comparison for one in plan.plan(keys.records_of([_SAMPLE])))


def _common(records: Records, one: Comparison) -> dict[str, float]:
    """Shares of the commonest values of a feature, and under no name what all others count as.

    Two people who share a number that nobody else has may be one: that must not make the number
    common. So only what three hold is kept, and what is rarer is no more likely to be shared than
    the average. Most addresses are one person's, so the model holds next to none.
    """
    feature, chance = records.features[one.feature], one.levels[-1].u
    counts = np.bincount(feature.codes[feature.codes >= 0], minlength=len(feature.values))
    whole = float(counts.sum()) + engine.TF_HELD_BY
    top = sorted(
        (-int(count), value)
        for value, count in zip(feature.values, counts, strict=True)
        if count >= _COMMON_MIN
    )
    shares = {
        value: (-negative + engine.TF_HELD_BY * chance) / whole
        for negative, value in top[: limits.match_frequencies_max]
    }
    return {**shares, "": min((1 + engine.TF_HELD_BY * chance) / whole, chance)}
