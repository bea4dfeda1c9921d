"""The tables that `audiences.compile_sql` reads, as SQL over the lake's facts. Pure.

Over `facts_all` (lake/model.py), `facts` (those up to a moment) and what `population.py` keeps
beside it: singles(identifier_id, person_id), chapters(identifier_id, from_ms, until_ms, person_id),
spans(person_id, account_id, first_day, end_day), joined(person_id, account_id, inside),
account_ids(key, account_id). `owned` and `owned_all` are facts with whose they are.
"""

from collections.abc import Iterable

from onefold.audiences.model import Kind
from onefold.audiences.sql_values import quote
from onefold.kernel import clock, facts
from onefold.profiles.precedence import CRM, EDITED, HAND, SYSTEM, Precedence
from onefold.record.preview.needs import Facts

_OURS = ", ".join(map(quote, sorted(facts.OURS)))
_OWN = f"f.category NOT IN ({_OURS})"
_ALL_TRAITS = {
    "person": """
SELECT f.person_id AS entity_id, f.traits, f.category, f.happened_at, f.source_id, f.name AS event
FROM owned f
WHERE f.traits IS NOT NULL AND f.kind <> 'group' AND {wanted}""",
    # A group call's are the account's; so is what somebody edited in the CRM.
    "account": """
SELECT a.account_id AS entity_id, t.traits, t.category, t.happened_at, t.source_id, t.event
FROM (
  SELECT coalesce(nullif(f.account, ''), f.home_value) AS key, f.category, f.happened_at,
    f.source_id, f.name AS event,
    CASE WHEN f.category = 'crm' AND f.home_namespace = 'account_id'
        AND json_type(f.properties, '$.changes') = 'OBJECT'
      THEN f.properties::JSON ELSE f.traits::JSON END AS traits
  FROM facts f
  WHERE (f.home_namespace = 'account_id' AND (f.traits IS NOT NULL OR f.category = 'crm'))
    OR (f.kind = 'group' AND f.traits IS NOT NULL AND f.account <> '')
) t JOIN account_ids a ON a.key = t.key WHERE t.traits IS NOT NULL""",
}


def facts_view(of: Kind, wanted: Facts) -> str:
    """person_facts, or account_facts: those of its people, at the time they were its people."""
    parts = [_names(wanted.names)] if wanted.names is not None else []
    if wanted.since_ms is not None:
        parts.append(f"f.happened_at >= make_timestamptz({wanted.since_ms} * 1000)")
    where = " AND ".join(parts or ["true"])
    properties = "f.properties::JSON" if wanted.properties else "NULL::JSON"
    rest = (
        f"f.name, epoch_ms(f.happened_at) AS at_ms, {properties} AS properties, {_OWN} AS own, "
        "epoch_ms(f.received_at) AS received_ms"
    )
    if of == "person":
        return f"SELECT f.person_id AS entity_id, {rest} FROM owned_all f WHERE {where}"
    day = f"epoch_ms(f.happened_at) // {clock.DAY_MS}"
    return f"""
SELECT coalesce(j.account_id, s.account_id) AS entity_id, {rest} FROM owned_all f
LEFT JOIN account_ids a ON a.key = f.account AND f.account <> ''
LEFT JOIN joined j ON j.account_id = a.account_id AND j.person_id = f.person_id
LEFT JOIN spans s ON s.person_id = f.person_id AND coalesce(f.account, '') = ''
  AND {day} >= s.first_day AND {day} < s.end_day
WHERE coalesce(j.account_id, s.account_id) IS NOT NULL AND {where}"""


def _names(names: Iterable[str]) -> str:
    return f"f.name IN ({', '.join(map(quote, sorted(names)))})"


# Who said it, as profiles/precedence tells them apart.
_ORIGIN = (
    f"CASE WHEN source_id <> 0 THEN source_id WHEN category <> 'crm' THEN {SYSTEM} "
    f"WHEN event = {quote(EDITED)} THEN {HAND} ELSE {CRM} END"
)


def traits_view(of: Kind, names: Iterable[str], precedence: Precedence) -> str:
    """person_traits or account_traits: the winning values of these, as profiles/fold.py decides.

    Of each origin the latest word; of those the one whose origin comes first by the rules, unless
    it takes an edit by hand back.
    """
    parts = []
    for name in sorted(names):
        # The whole of a JSON text is not looked through for a name that does not occur in it.
        wanted = (
            f"contains(f.traits, {quote(name)})" if name.isascii() and name.isalnum() else "true"
        )
        found = _ALL_TRAITS[of].format(wanted=wanted)
        order = f"({_rank(of, name, precedence)}, said_at, value::VARCHAR, origin)"
        parts.append(
            f"""SELECT entity_id, {quote(name)} AS name, arg_max(value, {order}) AS value
FROM (
  SELECT entity_id, origin, max(happened_at) AS said_at,
    arg_max(value, (happened_at, value::VARCHAR)) AS value
  FROM (
    SELECT entity_id, happened_at, {_ORIGIN} AS origin, {_value(of, name)} AS value FROM ({found})
  ) WHERE value IS NOT NULL GROUP BY entity_id, origin
) WHERE NOT (origin = {HAND} AND value::VARCHAR = 'null') GROUP BY entity_id"""
        )
    return "\nUNION ALL\n".join(parts)


def _value(of: Kind, name: str) -> str:
    step = name.replace("~", "~0").replace("/", "~1")
    value = f"json_extract(traits, {quote('/' + step)})"
    if of == "person":
        return value
    change = f"json_extract(traits, {quote('/changes/' + step)})"
    return (
        "CASE WHEN category = 'crm' AND json_type(traits, '$.changes') = 'OBJECT' "
        f"THEN CASE WHEN json_array_length({change}) = 2 "
        f"THEN json_extract({change}, '$[1]') END ELSE {value} END"
    )


def _rank(of: Kind, name: str, precedence: Precedence) -> str:
    ranks = precedence.ranks(of, name)
    cases = " ".join(f"WHEN {origin} THEN {rank}" for origin, rank in ranks.items())
    return f"CASE origin {cases} ELSE 0 END"


def touches_view() -> str:
    """person_touches: what the first and the last campaign said."""
    order = "(f.happened_at, f.campaign, f.source_id)"
    return (
        f"SELECT f.person_id AS entity_id, arg_min(f.campaign, {order})::JSON AS first, "
        f"arg_max(f.campaign, {order})::JSON AS last FROM owned f "
        "WHERE f.campaign IS NOT NULL GROUP BY f.person_id"
    )


def owned_view(facts: str, *, chapters: bool) -> str:
    """Facts with whose they are. Nearly every identifier has one chapter, hence one owner: only of
    the others the time decides (`chapters`: there are some).
    """
    text = f"SELECT o.person_id, f.* FROM {facts} f JOIN singles o ON o.identifier_id = f.home_id"
    if chapters:
        text += (
            f" UNION ALL SELECT o.person_id, f.* FROM {facts} f JOIN chapters o "
            "ON o.identifier_id = f.home_id AND epoch_ms(f.happened_at) >= o.from_ms "
            "AND epoch_ms(f.happened_at) < o.until_ms"
        )
    return text


SINGLES = """
SELECT identifier_id, any_value(person_id) AS person_id FROM fragments
GROUP BY identifier_id HAVING count(*) = 1
"""
CHAPTERS = """
SELECT identifier_id, person_id,
  CASE WHEN chapter_ms = first_ms THEN -9000000000000000 ELSE chapter_ms END AS from_ms,
  coalesce(next_ms, 9000000000000000) AS until_ms
FROM (
  SELECT *, lead(chapter_ms) OVER w AS next_ms, min(chapter_ms) OVER w AS first_ms
  FROM fragments ANTI JOIN singles USING (identifier_id)
  WINDOW w AS (PARTITION BY identifier_id ORDER BY chapter_ms)
)
"""
SPANS = f"""
SELECT person_id, account_id,
  CASE WHEN earlier IS NULL THEN -9000000000 ELSE day END AS first_day,
  coalesce(later, 9000000000) AS end_day
FROM (
  SELECT *, lead(day) OVER w AS later, lag(day) OVER w AS earlier
  FROM (
    SELECT person_id, from_ms // {clock.DAY_MS} AS day, arg_max(account_id, from_ms) AS account_id
    FROM spans_raw GROUP BY ALL
  ) WINDOW w AS (PARTITION BY person_id ORDER BY day)
)
"""
