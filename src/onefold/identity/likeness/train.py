"""Training a model on the workspace's own records, and models in and out as Splink's file."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace

from onefold.identity.likeness import fields, keys
from onefold.identity.match import Comparison, Model, engine, plan, splink
from onefold.kernel import errors, limits

_SAMPLE = {name: name for name in fields.ROLES} | {
    "email": "ann@acme.co", "phone": "+4930123456", "phone_2": "+4930123457",
    "phone_3": "+4930123458", "dob": "19700102", "name": "",
}  # fmt: skip


_TWICE_MIN = 0.02  # of the people: a workspace without duplicates yet does not stay so


def train(rows: Sequence[Mapping[str, str]], of_all: int) -> Model:
    """A model from rows of fields, without labels.

    When they are a sample that keeps likely duplicates together, two records taken from all are one
    person that much more rarely.
    """
    matching = engine.match_records(keys.records_of(rows))
    model = matching.model
    share = max(len(rows) - 1, 1) / max(of_all - 1, 1)
    chance = {one.feature: one.levels[-1].u for one in model.comparisons}
    kept = {name: _common(found, chance[name]) for name, found in model.frequencies.items()}
    return replace(
        model,
        comparisons=splink.trained(_here(), model),
        prior=min(max(model.prior * share, 2 * _TWICE_MIN / max(of_all - 1, 1)), 0.5),
        frequencies=kept,
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


def _common(values: Mapping[str, float], chance: float) -> dict[str, float]:
    """The commonest values, and under no name what all others count as.

    Two people who share a number that nobody else has may be one: that must not make the number
    common. So only what three hold is kept, and what is rarer is no more likely to be shared than
    the average. Most addresses are one person's, so the model holds next to none.
    """
    if not values:
        return {}
    least = min(values.values())  # the share of what one holds
    one_more = least / (1 + engine.TF_HELD_BY * chance)
    top = sorted(
        ((value, share) for value, share in values.items() if share > least + 1.5 * one_more),
        key=lambda item: (-item[1], item[0]),
    )
    return {**dict(top[: limits.match_frequencies_max]), "": min(least, chance)}
