"""Is a webhook set up in a way that can work? Pure; every fault is told at once."""

import binascii
from typing import Any

import msgspec
import standardwebhooks

from onefold.kernel import errors, limits
from onefold.sources.webhooks import mapped
from onefold.sources.webhooks.kinds import KINDS
from onefold.sources.webhooks.model import Config, Mapping
from onefold.sources.webhooks.presets import PRESETS


def config_of(kind: str, options: Any = None, mapping: Any = None) -> Config:
    """A `Config` from what a form or program sent. Raises `Invalid` naming each wrong field.

    `kind` may be a preset's name: its kind, with options and mapping filled in.
    """
    preset = PRESETS.get(kind)
    if preset is not None:
        kind = preset.kind
        options = {**preset.options, **(options or {})} if isinstance(options, dict | None) else 0
        mapping = mapping or msgspec.to_builtins(preset.mapping)
    found = KINDS.get(kind)
    if found is None:
        known = ", ".join([*KINDS, *PRESETS])
        raise errors.Invalid(
            errors.Fault("kind", f"`{kind[:40]}` is not known.", f"Use one of {known}.")
        )
    faults: list[errors.Fault] = []
    given = options if isinstance(options, dict) else {}
    if options is not None and not isinstance(options, dict):
        faults.append(errors.Fault("options", "is not an object.", "Send texts by name."))
    known_options = {o.name: o for o in found.options}
    clean: dict[str, str] = {}
    for name, value in given.items():
        option = known_options.get(name)
        if option is None:
            has = ", ".join(known_options) or "none"
            faults.append(
                errors.Fault(f"options.{name}", "is no option here.", f"There are: {has}.")
            )
        elif not isinstance(value, str) or len(value) > limits.webhook_option_chars_max:
            faults.append(errors.Fault(f"options.{name}", "is no short text.", "Shorten it."))
        elif value and option.choices and value not in option.choices:
            has = ", ".join(option.choices)
            faults.append(
                errors.Fault(f"options.{name}", f"`{value}` is not known.", f"Use one of {has}.")
            )
        elif value or option.default:
            clean[name] = value
    paths = _mapping(mapping, faults)
    if paths is None and found.calls is None:
        paths = found.mapping
    if faults:
        raise errors.Invalid(*faults)
    return Config(kind, clean, paths)


def check_secret(kind: str, secret: str) -> None:
    """Raises `Invalid` for a secret that this kind cannot use."""
    problem = ""
    if not secret.strip():
        problem = "is missing."
    elif len(secret) > limits.webhook_secret_chars_max or not secret.isprintable():
        problem = f"must be at most {limits.webhook_secret_chars_max} printable characters."
    elif KINDS[kind].in_address and len(secret) < limits.webhook_secret_chars_min:
        problem = f"needs at least {limits.webhook_secret_chars_min} characters: it is the lock."
    elif kind == "standard":
        try:
            standardwebhooks.Webhook(secret)
        except (ValueError, binascii.Error, standardwebhooks.webhooks.EmptyWebhookSecretError):
            problem = "is no Standard Webhooks secret: base64, with or without `whsec_`."
    if problem:
        remedy = f"Take it from the sender: {KINDS[kind].secret}."
        raise errors.Invalid(errors.Fault("secret", problem, remedy))


def _mapping(value: Any, faults: list[errors.Fault]) -> Mapping | None:
    if value is None or value == {}:
        return None
    if len(msgspec.json.encode(value)) > limits.webhook_mapping_bytes_max:
        faults.append(errors.Fault("mapping", "is too long.", "Map fewer fields."))
        return None
    try:
        paths = msgspec.convert(value, Mapping)
    except msgspec.ValidationError as error:
        faults.append(
            errors.Fault("mapping", f"{error}.", "See docs/reference/webhooks.md for its fields.")
        )
        return None
    faults += mapped.faults_of(paths)
    return paths
