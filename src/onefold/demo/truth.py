"""What is true of the invented company, for those who want to check what a product makes of it."""

import msgspec

from onefold.demo.company import Company
from onefold.demo.stories import Campaign, Customer, Failure, Falling, Stories, Trial


class Truth(msgspec.Struct, frozen=True):
    """The answer sheet. Days count from `first_ms`, midnight UTC.

    devices      every device of a person, by user id
    shared       devices that two people use: anonymous id and user ids
    consultants  user ids of people with two accounts, and the accounts' keys
    emails       e-mail address by user id
    members      user ids by account key; consultants are listed at both
    counts       items by source as they arrive, repetitions included, and `late` sessions
    """

    seed: int
    scale: float
    first_ms: int
    now_ms: int
    falling: tuple[Falling, ...]
    trial: Trial
    failure: Failure
    campaign: Campaign
    customer: Customer
    holiday: tuple[int, ...]
    outage_day: int
    devices: dict[str, tuple[str, ...]]
    shared: tuple[tuple[str, tuple[str, str]], ...]
    consultants: dict[str, tuple[str, str]]
    emails: dict[str, str]
    members: dict[str, tuple[str, ...]]
    counts: dict[str, int]


def of(
    company: Company, stories: Stories, first_ms: int, now_ms: int, counts: dict[str, int]
) -> Truth:
    """The truth about a company and its stories."""
    keys = [a.key for a in company.accounts]
    members: dict[str, list[str]] = {key: [] for key in keys}
    consultants = {}
    for person in company.people:
        members[keys[person.account]].append(person.user_id)
        if person.second >= 0:
            members[keys[person.second]].append(person.user_id)
            consultants[person.user_id] = (keys[person.account], keys[person.second])
    return Truth(
        seed=company.seed,
        scale=company.scale,
        first_ms=first_ms,
        now_ms=now_ms,
        falling=stories.falling,
        trial=stories.trial,
        failure=stories.failure,
        campaign=stories.campaign,
        customer=stories.customer,
        holiday=stories.holiday,
        outage_day=stories.outage_day,
        devices={p.user_id: tuple(d.anonymous_id for d in p.devices) for p in company.people},
        shared=company.shared,
        consultants=consultants,
        emails={p.user_id: p.email for p in company.people},
        members={key: tuple(ids) for key, ids in members.items()},
        counts=counts,
    )
