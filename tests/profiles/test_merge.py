"""A person is the merge of its fragments: any grouping, any order, and nothing is lost."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from onefold.kernel import facts
from onefold.profiles import fold, merge, model, precedence
from onefold.profiles.model import State, Trait, decode, encode

HOUR = 3_600_000
DAY = 24 * HOUR
LEAF = fold.LeafFold(id=1, key="k", shared=False, size_ms=HOUR, keep=0, match=None)
SHARED = fold.LeafFold(id=1, key="k", shared=True, size_ms=HOUR, keep=0, match=None)

# Of each source the category; of our own facts (source 0) edits by hand too.
SOURCES = {0: "crm", 1: "product", 2: "enrichment", 3: "import"}
TRAITS = st.dictionaries(
    st.sampled_from("abc"), st.none() | st.integers(0, 3) | st.booleans(), max_size=3
)
CAMPAIGNS = st.dictionaries(st.sampled_from(["source", "gclid"]), st.sampled_from("ab"), min_size=1)
FACTS = st.lists(
    st.builds(
        lambda n, at, traits, account, source, campaign: facts.Fact(
            pos=n, source_id=source, category=SOURCES[source], kind="track",
            name="x" if n % 3 else precedence.EDITED, at_ms=at * HOUR,
            received_ms=10**10, message_id="", home=facts.Identifier("user_id", "u"),
            identifiers=(), account=account, traits=traits, properties={},
            campaign=campaign,
        ),
        st.integers(0, 10**6), st.integers(0, 50), TRAITS, st.none() | st.sampled_from(["p", "q"]),
        st.sampled_from(sorted(SOURCES)),
        st.none() | CAMPAIGNS,
    ),
    max_size=25,
)  # fmt: skip


def folded(history: list[facts.Fact]) -> State:
    state = State()
    for fact in history:
        fold.fold(state, fact, fact.pos % 4, [fact.pos % 5])
        fold.fold_traits(state, fact)
        fold.fold_leaves(state, fact, [LEAF, SHARED])
    return state


def since(groups: dict[str, tuple[int, int]]) -> list[tuple[int, str]]:
    """Each account from its first fact on."""
    return sorted((first, key) for key, (first, _) in groups.items())


@given(FACTS, st.randoms(use_true_random=False))
def test_order_of_arrival_does_not_matter(history: list[facts.Fact], rng: object) -> None:
    shuffled = list(history)
    rng.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = folded(history), folded(shuffled)
    assert merge.view([one], {}) == merge.view([other], {})
    assert one.leaves == other.leaves
    assert one.shares == other.shares
    assert sorted(model.pairs(one.tail)) == sorted(model.pairs(other.tail))


@given(FACTS, st.integers(0, 25))
def test_merging_fragments_is_folding_all_their_facts(history: list[facts.Fact], at: int) -> None:
    left, right, whole = folded(history[:at]), folded(history[at:]), folded(history)
    assert merge.view([left, right], {}) == merge.view([right, left], {}) == merge.view([whole], {})
    assert merge.buckets([left, right], LEAF) == merge.buckets([whole], LEAF)
    joined = since(merge.groups([left, right]))
    assert joined == since(merge.groups([whole]))
    both = merge.shared_buckets([([left, right], joined)], SHARED, "p")
    assert both == merge.shared_buckets([([whole], joined)], SHARED, "p")


@given(FACTS)
def test_an_encoded_state_comes_back_whole(history: list[facts.Fact]) -> None:
    state = folded(history)
    assert decode(encode(state)) == state


@given(FACTS)
def test_every_fact_counts_for_one_account_at_most(history: list[facts.Fact]) -> None:
    state = folded(history)
    joined = since(merge.groups([state]))
    counted = sum(
        n
        for _, account in joined
        for n in merge.shared_buckets([([state], joined)], SHARED, account).values()
    )
    assert counted == (len(history) if joined else 0)


@given(FACTS)
def test_touches_are_the_first_and_the_last_campaign(history: list[facts.Fact]) -> None:
    found = merge.view([folded(history)], {}).touches
    times = [fact.at_ms for fact in history if fact.campaign is not None]
    assert bool(found) == bool(times)
    if times:
        assert (found[0].at_ms, found[-1].at_ms) == (min(times), max(times))


def test_what_was_edited_by_hand_wins_over_later_events() -> None:
    by_hand, event = Trait("Ann", 2, 100, 0), Trait("ann", 1, 900, 3)
    assert not fold.wins(event, by_hand)
    assert fold.wins(by_hand, event)


def test_a_day_belongs_to_the_account_joined_last_by_its_end_or_first_of_all() -> None:
    joined = [(100 * DAY + 7, "p"), (105 * DAY, "q")]
    days = (0, 99, 100, 104, 105, 900)
    assert [merge.account_on(joined, day) for day in days] == ["p"] * 4 + ["q"] * 2
    assert merge.account_on([], 5) is None


@given(FACTS)
def test_a_state_written_with_a_tail_of_numbers_is_read(history: list[facts.Fact]) -> None:
    state = folded(history)
    fields = msgspec.msgpack.decode(encode(state), strict=False)
    at = State.__struct_fields__.index("tail")
    fields[at] = [number for pair in model.pairs(state.tail) for number in pair]
    assert decode(msgspec.msgpack.encode(fields)) == state
