"""Models as Splink writes and reads them: `settings` JSON with m and u for each level.

The conditions name our comparisons and levels, not SQL: what is exchanged is what was learned.
"""

from dataclasses import replace
from typing import Any

import msgspec

from onefold.identity.match.model import Comparison, Level, Model
from onefold.kernel import errors

_NULL = {"sql_condition": "is_null", "label_for_charts": "missing", "is_null_level": True}


def dump(model: Model) -> bytes:
    """The model as JSON, with the values' frequencies beside Splink's own keys."""
    return msgspec.json.format(
        msgspec.json.encode(
            {
                "link_type": "dedupe_only",
                "probability_two_random_records_match": model.prior,
                "comparisons": [_comparison(one) for one in model.comparisons],
                "onefold": {"kind": model.kind, "frequencies": model.frequencies},
            }
        )
    )


def _comparison(one: Comparison) -> dict[str, Any]:
    levels = [
        {
            "sql_condition": f"{one.name} = {gamma}" if gamma else "ELSE",
            "label_for_charts": level.label,
            "m_probability": level.m,
            "u_probability": level.u,
            **(
                {"tf_adjustment_column": one.feature, "tf_adjustment_weight": level.tf}
                if level.tf
                else {}
            ),
        }
        for gamma, level in reversed(list(enumerate(one.levels)))
    ]
    return {"output_column_name": one.name, "comparison_levels": [_NULL, *levels]}


def load(text: bytes) -> Model:
    """Read a model; levels are taken from the best to the last, without the null level."""
    try:
        raw = msgspec.json.decode(text)
        ours = raw.get("onefold", {})
        comparisons = tuple(_read(one) for one in raw["comparisons"])
        prior = float(raw["probability_two_random_records_match"])
    except (msgspec.DecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise errors.Invalid(
            errors.Fault(
                "model", f"is no Splink model: {error!r}.", "Save it with `save_model_to_json`."
            )
        ) from None
    return Model(ours.get("kind", "person"), comparisons, prior, ours.get("frequencies", {}))


def _read(one: dict[str, Any]) -> Comparison:
    levels = [level for level in one["comparison_levels"] if not level.get("is_null_level")]
    feature = one["output_column_name"]
    for level in levels:
        feature = level.get("tf_adjustment_column") or feature
    found = tuple(
        Level(
            level.get("label_for_charts", ""),
            float(level["m_probability"]),
            float(level["u_probability"]),
            float(level.get("tf_adjustment_weight", 1.0))
            if level.get("tf_adjustment_column")
            else 0.0,
        )
        for level in reversed(levels)
    )
    return Comparison(one["output_column_name"], feature, found)


def trained(start: tuple[Comparison, ...], model: Model) -> tuple[Comparison, ...]:
    """The planned comparisons with a loaded model's numbers, where names and levels agree."""
    known = {one.name: one for one in model.comparisons}
    return tuple(
        replace(one, levels=known[one.name].levels)
        if one.name in known and len(known[one.name].levels) == len(one.levels)
        else one
        for one in start
    )
