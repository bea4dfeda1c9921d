import unicodedata

import pytest

from onefold.demo import company, names
from onefold.demo.company import DAYS


@pytest.fixture(scope="module")
def whole() -> company.Company:
    return company.build(7)


def test_the_same_seed_is_the_same_company(whole: company.Company) -> None:
    assert company.build(7) == whole
    assert company.build(8) != whole


@pytest.mark.parametrize("seed", [1, 7, 42])
def test_it_has_about_300_accounts_and_3000_people(seed: int) -> None:
    built = company.build(seed)
    assert len(built.accounts) == 300
    assert 2_600 <= len(built.people) <= 3_400


def test_scale_makes_a_small_company_with_everything_in_it() -> None:
    small = company.build(7, 0.05)
    assert len(small.accounts) == 15
    assert small.accounts[0].plan == "trial"
    assert small.shared


def test_keys_user_ids_and_addresses_are_unique(whole: company.Company) -> None:
    assert len({a.key for a in whole.accounts}) == len(whole.accounts)
    assert len({p.user_id for p in whole.people}) == len(whole.people)
    assert len({p.email for p in whole.people}) == len(whole.people)


def test_every_person_belongs_to_their_account(whole: company.Company) -> None:
    for account in whole.accounts:
        for index in account.people:
            person = whole.people[index]
            assert person.index == index
            assert person.account == account.index
            assert person.email.endswith(f"@{account.key}.test")
            assert account.created <= person.joined < DAYS
        assert account.seats >= len(account.people)


def test_names_are_in_many_scripts_and_addresses_are_ascii(whole: company.Company) -> None:
    scripts = {unicodedata.name(p.first[0]).split()[0] for p in whole.people}
    assert {"LATIN", "CYRILLIC", "GREEK", "CJK", "HEBREW", "ARABIC", "HANGUL"} <= scripts
    assert all(p.email.isascii() and " " not in p.email for p in whole.people)


def test_nobody_shares_a_device_but_those_who_are_said_to(whole: company.Company) -> None:
    users: dict[str, set[str]] = {}
    for person in whole.people:
        for device in person.devices:
            users.setdefault(device.anonymous_id, set()).add(person.user_id)
    several = {anonymous_id: ids for anonymous_id, ids in users.items() if len(ids) > 1}
    assert several == {anonymous_id: set(ids) for anonymous_id, ids in whole.shared}
    assert len(several) >= 10


def test_some_have_several_devices_some_clocks_are_wrong_some_work_for_two(
    whole: company.Company,
) -> None:
    devices = [d for p in whole.people for d in p.devices]
    assert sum(len(p.devices) > 1 for p in whole.people) > 500
    assert 0.005 < sum(d.skew_ms != 0 for d in devices) / len(devices) < 0.05
    assert sum(p.second >= 0 for p in whole.people) >= 10


def test_regions_add_up() -> None:
    assert abs(sum(r.share for r in names.REGIONS) - 1) < 0.02
