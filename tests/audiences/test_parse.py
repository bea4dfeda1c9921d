"""Text to tree and back, and what the reader of a faulty definition is told."""

from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from onefold.audiences import compile_live, describe, dump, leaves, parse
from onefold.kernel import errors
from tests.audiences import invent

CAMPAIGN = """
audience: exports_campaign
of: person
where:
  all:
    - trait: plan
      is: pro
    - account: {trait: plan, is: trial}
    - count: {event: Report Exported, where: {format: pdf}, within: 7d}
      at_least: 3
    - none: {tickets: {status: open, tag: exports}}
"""


def _faults(source: Any, feature: str = "") -> dict[str, str]:
    with pytest.raises(errors.Invalid) as caught:
        parse(source, feature)
    return {f.field: f"{f.problem} {f.remedy}" for f in caught.value.faults}


def _person(where: Any) -> dict[str, Any]:
    return {"of": "person", "where": where}


@settings(max_examples=150, deadline=None)
@given(invent.definitions)
def test_parsing_what_was_dumped_gives_the_tree_back(definition: Any) -> None:
    told = msgspec.json.encode(definition)
    assert msgspec.json.encode(invent.understood(dump(definition))) == told
    as_json = msgspec.json.encode(dump(definition)).decode()
    assert dump(parse(as_json)) == dump(definition)
    as_yaml = yaml.safe_dump(dump(definition), allow_unicode=True)
    if "\\U" not in as_yaml and "\\u" not in as_yaml:
        assert dump(parse(as_yaml))["of"] == definition.of


def test_conditions_on_the_same_property_are_written_apart() -> None:
    both = {"all": [{"pages": {"at_least": 1}}, {"pages": {"at_most": 3}}]}
    where = {"any": [both, {"format": "pdf"}]}
    found = parse(_person({"count": {"event": "Export", "where": where}, "at_least": 1}))
    assert parse(dump(found)) == found
    assert dump(found)["where"]["count"]["where"] == where


@settings(max_examples=100, deadline=None)
@given(invent.definitions)
def test_a_tree_survives_its_encoding(definition: Any) -> None:
    encoded = msgspec.json.encode(definition.where)
    assert msgspec.json.encode(msgspec.json.decode(encoded, type=type(definition.where))) == encoded


anything = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.one_of(
                st.sampled_from(
                    ("of", "where", "all", "any", "not", "none", "trait", "account", "count",
                     "event", "within", "tickets", "status", "tag", "is", "in", "set", "at_least",
                     "contains", "person")
                ),
                st.text(max_size=3),
                st.integers(),
            ),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(anything, st.booleans())
def test_anything_is_parsed_or_refused_with_a_remedy_that_can_be_sent(
    value: Any, framed: bool
) -> None:
    faults: tuple[errors.Fault, ...] = ()
    try:
        found = parse(_person(value) if framed else value)
        describe(found.where)
        compile_live(found)
        msgspec.json.encode(dump(found))
    except errors.Invalid as wrong:
        faults = wrong.faults or (errors.Fault("", ""),)
    for fault in faults:
        assert fault.field
        assert fault.problem
        msgspec.json.encode(fault)


def test_yaml_json_and_a_mapping_say_the_same() -> None:
    mapping = yaml.safe_load(CAMPAIGN)
    as_json = msgspec.json.encode(mapping).decode()
    assert parse(CAMPAIGN) == parse(mapping) == parse(as_json)


def test_every_fault_is_told_at_once_with_its_place_and_the_likely_word() -> None:
    faults = _faults(
        {
            "off": "person",
            "of": "peple",
            "where": {
                "all": [
                    {"trait": "plan", "iz": "pro"},
                    {"cuont": {"event": "x"}, "at_least": 1},
                    {"count": {"event": "x", "within": "7 days", "were": {}}, "at_least": -1},
                    {"tickets": {}},
                    {"none": {"tickets": {"status": "resolved", "priority": "hihg"}}},
                    {"trait": "plan", "set": "yes"},
                    {"trait": "plan", "account": {"trait": "plan", "is": 1}},
                ]
            },
        }
    )
    expected = {
        "off": "`of`?",
        "of": "`of: person`",
        "where.all[0].iz": "`is`?",
        "where.all[1]": "`count`?",
        "where.all[2].count.within": "`7d`",
        "where.all[2].count.were": "`where`?",
        "where.all[2].at_least": "whole number",
        "where.all[3].tickets": "`none: {tickets: …}`",
        "where.all[4].none.tickets.status": "`Ticket Solved`",
        "where.all[4].none.tickets.priority": "`high`?",
        "where.all[5].set": "`true` or `false`",
        "where.all[6]": "under `all`",
    }
    assert faults.keys() == expected.keys()
    for field, words in expected.items():
        assert words in faults[field]


@pytest.mark.parametrize(
    ("where", "field", "words"),
    [
        ([], "where", "under `all:`"),
        ("pro", "where", "Begin it with"),
        ({"all": []}, "where.all", "dash"),
        ({"none": [{"trait": "x", "is": 1}]}, "where.none", "not: {any"),
        ({"trait": "", "is": 1}, "where.trait", "empty"),
        ({"trait": "plan"}, "where", "does not compare"),
        ({"trait": "plan", "is": None}, "where.is", "set: false"),
        ({"trait": "plan", "is": ["a"]}, "where.is", "one value"),
        ({"trait": "plan", "in": "a"}, "where.in", "in: [pro, team]"),
        ({"trait": "plan", "contains": ""}, "where.contains", "set: true"),
        ({"trait": "plan", "at_least": True}, "where.at_least", "use `is`"),
        ({"trait": "plan", "is": float("inf")}, "where.is", "finite"),
        ({"trait": "plan", "is": 10**400}, "where.is", "finite"),
        ({"trait": "plan", "is": "a\0"}, "where.is", "stored"),
        ({"trait": "plan", "is": "\ud800"}, "where.is", "stored"),
        ({"trait": "plan", "set": True, "is": 1}, "where.set", "Leave `set` out"),
        ({"trait": "plan", "is": "x" * 513}, "where.is", "512"),
        ({"count": {"event": "x"}}, "where", "at_least: 1"),
        ({"count": {"event": "x"}, "at_least": 0}, "where", "always holds"),
        ({"count": {"event": "x"}, "less_than": 0}, "where", "never hold"),
        ({"count": {"event": "x"}, "at_least": 5, "at_most": 3}, "where", "never hold"),
        ({"count": {"event": "x"}, "is_not": 3}, "where.is_not", "not known"),
        ({"count": {"event": "x", "within": "401d"}, "is": 1}, "where.count.within", "400d"),
        ({"count": {"event": "x", "where": {"a..b": 1}}, "is": 1}, "where.count.where.a..b", "dot"),
        ({"count": {"event": "x", "where": {"a": [1]}}, "is": 1}, "where.count.where.a", "{in:"),
        ({"any": {"tickets": {"tag": "  "}}}, "where.any.tickets.tag", "blank"),
        ({"account": "pro"}, "where.account", "account: {trait"),
        ({"tickets": {"tag": "x"}, "at_least": -1}, "where.at_least", "whole number"),
        ({"owner": {"set": 1}}, "where.owner.set", "`true`"),
        ({"first_touch": {}}, "where.first_touch", "property"),
        ({"people": {"any": {"trait": "x", "is": 1}}}, "where.people", "accounts"),
        ({"accounts": {"trait": "x", "is": 1}}, "where.accounts", "any: {trait"),
        ({"accounts": {"share": {"trait": "x", "is": 1}}, "at_least": 5}, "where.at_least", "0.5"),
        ({"accounts": {"any": {"people": {"any": {}}}}}, "where.accounts.any.people", "nest"),
        ({"trait": "plan", "matches": "(?=a)"}, "where.matches", "RE2"),
        ({"trait": "plan", "matches": "a" * 201}, "where.matches", "200"),
        ({"trait": "ends", "before": "soon"}, "where.before", "`30d ahead`"),
        ({"count": {"where": {"a": {"after": "now"}}}, "is": 1},
         "where.count.where.a.after", "`within: 7d`"),
        ({"count": {"within": "7d", "this": "month"}, "is": 1}, "where.count", "one window"),
        ({"count": {"this": "moon"}, "is": 1}, "where.count.this", "`month`"),
        ({"count": {"within": "7h", "by": "day"}, "is": 1}, "where.count.within", "whole days"),
        ({"count": {"within": "7d", "zone": "UTC"}, "is": 1}, "where.count.zone", "`by: day`"),
        ({"count": {"this": "day", "zone": "Mars/Base"}, "is": 1}, "where.count.zone", "Berlin"),
        ({"count": {"since": "1.3.2026"}, "is": 1}, "where.count.since", "`2026-03-01`"),
        ({"count": {"where": {"any": []}}, "is": 1}, "where.count.where.any", "{in: […]}"),
        ({"sum": {"event": "x"}, "is": 1}, "where.sum.of", "property"),
        ({"sum": {"of": "a"}, "is": "5"}, "where.is", "Write a number"),
        ({"sum": {"of": "a"}, "is": 1e13}, "where.is", "10^12"),
        ({"days": {"event": "x"}, "is": 1}, "where.days", "`within: 30d`"),
        ({"distinct": {"of": "a"}, "is": 0.5}, "where.is", "whole number"),
        ({"since_last": {"event": "x"}}, "where", "`at_least: 14d`"),
        ({"since_last": {"event": "x"}, "at_least": 14}, "where.at_least", "`7d`"),
        ({"inactive": {}}, "where.inactive.for", "`7d`"),
        ({"sequence": {"first": {"event": "a"}, "within": "1d", "in_last": "7d"}},
         "where.sequence", "`without`"),
        ({"sequence": {"first": {}, "then": {"event": "b"}, "within": "1d", "in_last": "7d"}},
         "where.sequence.first.event", "name"),
        ({"sequence": {"first": {"event": "a"}, "then": {"event": "b"}, "within": "8d",
                       "in_last": "7d"}}, "where.sequence.in_last", "further back"),
        ({"sequence": {"first": {"event": "a"}, "then": {"event": "b"}, "within": "1s",
                       "in_last": "7d"}}, "where.sequence.within", "less far back"),
    ],
)  # fmt: skip
def test_a_fault_says_where_and_what_to_write(where: Any, field: str, words: str) -> None:
    faults = _faults(_person(where))
    assert faults.keys() == {field}
    assert words in faults[field]


def test_faults_of_a_text_name_their_lines() -> None:
    faults = _faults("of: person\nwhere:\n  all:\n    - trait: plan\n      iz: 1\n    - trait: x\n")
    assert faults["where.all[0].iz"].startswith("(line 5) is not known here.")
    assert faults["where.all[1]"].startswith("(line 6) does not compare.")


def test_an_account_asks_its_own_traits_and_company_is_an_account() -> None:
    condition = {"account": {"trait": "plan", "is": "pro"}}
    assert "`trait:`" in _faults({"of": "account", "where": condition})["where.account"]
    assert parse({"of": "company", "where": {"trait": "plan", "is": "pro"}}).of == "account"
    as_company = _person({"company": {"trait": "plan", "is": "pro"}})
    assert parse(as_company) == parse(_person(condition))


def test_size_and_depth_have_limits() -> None:
    many = [{"trait": f"t{i}", "is": 1} for i in range(500)]
    assert "Split" in " ".join(_faults(_person({"all": many})).values())
    deep: Any = {"trait": "plan", "is": 1}
    for _ in range(200):
        deep = {"not": deep}
    assert "fewer levels" in " ".join(_faults(_person(deep)).values())


def test_a_feature_keeps_those_with_an_open_ticket_of_that_tag_out() -> None:
    told = parse(CAMPAIGN.replace("tag: exports", "tag: Old  Exports"), "Exports")
    assert dump(told)["where"]["all"][-2:] == [
        {"none": {"tickets": {"status": "open", "tag": "old exports"}}},
        {"none": {"tickets": {"status": "open", "tag": "exports"}}},
    ]
    assert parse(CAMPAIGN, "exports") == parse(CAMPAIGN)
    alone = parse(_person({"trait": "plan", "is": 1}), "exports")
    assert len(dump(alone)["where"]["all"]) == 2
    assert "blank" in _faults(_person({"trait": "plan", "is": 1}), "  ")["feature"]


def test_definitions_share_a_leaf_whatever_they_ask_of_it() -> None:
    def keys(of: str, window: str, how: dict[str, int], where: dict[str, Any]) -> list[str]:
        condition = {"count": {"event": "x", "within": window, "where": where}, **how}
        return [leaf.key for leaf in leaves(parse({"of": of, "where": {"not": condition}}))]

    first = keys("person", "7d", {"at_least": 3}, {"a": 1, "b": {"in": ["y", "x"]}})
    assert first == keys("person", "1w", {"less_than": 9}, {"b": {"in": ["x", "y", "x"]}, "a": 1.0})
    assert first != keys("person", "7d", {"at_least": 3}, {"a": True, "b": {"in": ["x", "y"]}})
    assert first != keys("account", "7d", {"at_least": 3}, {"a": 1, "b": {"in": ["x", "y"]}})


def test_a_long_leaf_key_is_cut_and_stays_its_own() -> None:
    def key(last: str) -> str:
        where = {"a": {"in": ["x" * 500 + last]}}
        count = {"count": {"event": "x", "where": where}, "at_least": 1}
        (leaf,) = leaves(parse(_person(count)))
        return leaf.key

    assert key("a") == key("a") != key("b")
    assert len(key("a")) < 500
