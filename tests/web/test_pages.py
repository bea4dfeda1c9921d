"""Every page as HTML, through the app, over a real database."""

import json
import re
from typing import Any

import pytest

from onefold import crm, storage
from onefold.kernel.viewer import SYSTEM
from onefold.web import render

from .conftest import NASTY, PASSWORD, Pages, World, drain

PATHS = [
    "/", "/people", "/people?q=ann", "/people?view=known&sort=name", "/people?audience=exporters",
    "/people/{person}", "/people/{person}?tab=activity",
    "/people/{person}?tab=identity", "/people/{person}/identity/decide?decision=same",
    "/people/{person}/identity/decide?decision=not_same&a=user_id:ann&b=email:ann%40acme.test",
    "/people/{person}/timeline",
    "/accounts", "/accounts?view=mine", "/accounts?view=risk", "/accounts/{account}",
    "/accounts/{account}?tab=people", "/accounts/{account}?tab=activity",
    "/tickets", "/tickets?view=all&priority=medium&owner=none&tag=exports", "/tickets/{ticket}",
    "/tickets/new", "/tickets/new?person={person}", "/tasks", "/tasks?view=open", "/tasks/{task}",
    "/tasks/new?account={account}", "/tasks/new?ticket={ticket}", "/tasks/new?person={person}",
    "/contacts/new", "/accounts/new", "/audiences", "/audiences/exporters",
    "/audiences/exporters?tab=changes", "/audiences/exporters?tab=use",
    "/audiences/exporters?q=ann", "/audiences/new?from=exporters",
    "/audiences/exporters/why?id={person}", "/audiences/new",
    "/audiences/exporters/edit", "/signals", "/signals?view=mine", "/signals?view=resolved",
    "/signals/{signal}", "/sources", "/sources/{source}", "/sources/{source}/refused",
    "/sources/{source}/events", "/sources/{source}/events?outcome=refused&who=ann",
    "/sources/{source}/ledger",
    "/sources/{source}?tab=install", "/sources/new", "/destinations", "/destinations/new",
    "/imports", "/imports/new", "/plans", "/plans/new", "/sources/{source}/transformation",
    "/settings", "/settings/keys/new", "/settings/users/new",
    "/settings/users/usr_2/edit", "/settings/audit", "/settings/audit?action=login&actor=user:1",
    "/palette?q=ann", "/palette",
]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_a_page_answers_with_nothing_unescaped(pages: Pages, world: World, path: str) -> None:
    text = pages.get(path.format(**world._asdict()))
    assert NASTY not in text
    assert "onclick" not in text
    assert not re.search(r"<script(?![^>]*\bsrc=)", text)
    assert not re.search(r"<[^>]+\sstyle=", text)


def test_pages_say_what_a_browser_may_load(pages: Pages) -> None:
    answer = pages.ask("GET", "/people")
    policy = answer.headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert answer.headers["Cache-Control"] == "no-store"


def test_who_is_not_signed_in_is_sent_to_the_log_in_and_back(stranger: Pages) -> None:
    answer = stranger.ask("GET", "/people?view=known")
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/login?next=%2Fpeople%3Fview%3Dknown"
    form = {"email": "maya@x.test", "password": PASSWORD, "next": "/people?view=known"}
    answer = stranger.ask("POST", "/login", data=form)
    assert answer.headers["Location"] == "/people?view=known"
    assert "HttpOnly" in answer.headers["set-cookie"]


@pytest.mark.parametrize("target", ["https://evil.test", "//evil.test", "/\\evil.test", "evil"])
def test_a_log_in_never_leads_elsewhere(stranger: Pages, target: str) -> None:
    form = {"email": "maya@x.test", "password": PASSWORD, "next": target}
    assert stranger.ask("POST", "/login", data=form).headers["Location"] == "/"


def test_a_wrong_password_is_told_without_saying_which_part(stranger: Pages) -> None:
    answer = stranger.ask("POST", "/login", data={"email": "maya@x.test", "password": "no"})
    assert answer.status_code == 401
    assert "do not match" in answer.text


def test_a_change_without_the_token_is_refused(pages: Pages, world: World) -> None:
    answer = pages.ask("POST", f"/tickets/{world.ticket}", data={"status": "resolved"})
    assert answer.status_code == 403
    answer = pages.ask(
        "POST", f"/tickets/{world.ticket}", data={"_csrf": pages.csrf, "status": "resolved"},
        headers={"Sec-Fetch-Site": "cross-site"},
    )  # fmt: skip
    assert answer.status_code == 403


def test_a_reader_sees_no_buttons_and_may_not_post(reader: Pages, world: World) -> None:
    text = reader.get("/tickets")
    assert "New ticket" not in text
    answer = reader.send(f"/tickets/{world.ticket}", status="resolved", version="1")
    assert answer.status_code == 403
    reader.get("/tickets/new", status=403)
    assert "Admins manage keys" in reader.get("/settings")


def test_a_person_page_shows_identity_and_begins_with_the_visits(
    pages: Pages, world: World
) -> None:
    text = pages.get(f"/people/{world.person}?tab=activity")
    for part in ("anon-1", "ann@acme.test", "user id", "app, ", "Exporters", "×14"):
        assert part.lower() in text.lower(), part
    assert text.index("Report Exported") < text.index("/pricing")
    assert "The beginning: Viewed page /, an anonymous visit." in text


def test_a_person_is_found_by_any_identifier(pages: Pages, world: World) -> None:
    answer = pages.ask("GET", "/people/find?ref=anonymous_id%3Aanon-1")
    assert answer.headers["Location"] == f"/people/{world.person}"
    pages.get("/people/per_999999", status=404)
    pages.get("/people/find?ref=nonsense", status=404)


def test_an_account_page_shows_owner_work_and_usage(pages: Pages, world: World) -> None:
    text = pages.get(f"/accounts/{world.account}")
    for part in ("Acme &lt;script&gt;", "Maya", "Export fails", "Acme: usage fell", "data-chart="):
        assert part in text, part
    chart = re.search(r"data-chart='([^']*)'", text)
    assert chart
    spec = json.loads(chart[1].replace("\\u0026", "&"))
    assert len(spec["x"]) == 90
    assert sum(spec["series"][0]["y"]) >= 14


def test_a_ticket_says_which_campaign_it_mutes(pages: Pages, world: World) -> None:
    text = pages.get(f"/tickets/{world.ticket}")
    assert "is kept out of" in text
    assert "Export launch" in text
    assert "Report Exported" in text  # what led up to it


def _version(url: str, ref: str) -> int:
    with storage.connect(url) as conn:
        records: Any = crm.tickets if ref.startswith("tkt") else crm.tasks
        version: int = records.get(conn, SYSTEM, ref).version
        return version


def test_solving_offers_the_inverse_change(pages: Pages, world: World) -> None:
    version = _version(world.url, world.ticket)
    path = f"/tickets/{world.ticket}"
    answer = pages.send(path, "PATCH", htmx=True, status="resolved", version=version)
    toast = json.loads(answer.headers["X-Toast"])
    assert toast["text"] == "Ticket solved"
    assert 'class="pill green">Solved' in answer.text
    undo = toast["undo"]
    answer = pages.send(undo["url"], "PATCH", htmx=True, **undo["values"])
    assert json.loads(answer.headers["X-Toast"])["text"] == "Ticket reopened"


def test_an_edit_of_an_old_version_shows_the_newest_instead(pages: Pages, world: World) -> None:
    path, version = f"/tickets/{world.ticket}", _version(world.url, world.ticket)
    assert pages.send(path, "PATCH", htmx=True, priority="high", version=version).status_code == 200
    answer = pages.send(path, "PATCH", htmx=True, priority="low", version=version)
    assert answer.status_code == 409
    assert "Someone changed this meanwhile" in answer.text
    assert '<option value="high" selected' in answer.text


def test_forms_work_without_scripts(pages: Pages) -> None:
    answer = pages.send("/tickets", subject="By hand", email="ann@acme.test", tags="a, b")
    assert answer.status_code == 303
    text = pages.get(answer.headers["Location"])
    assert "By hand" in text
    assert 'value="a, b"' in text


def test_a_form_shows_every_fault_at_its_field(pages: Pages) -> None:
    answer = pages.send("/tickets", subject="", email="nobody")
    assert answer.status_code == 400
    assert 'id="e-subject"' in answer.text
    assert 'id="e-email"' in answer.text
    assert 'value="nobody"' in answer.text


def test_a_task_ticks_off_in_its_row(pages: Pages, world: World) -> None:
    version = _version(world.url, world.task)
    path = f"/tasks/{world.task}"
    answer = pages.send(path, "PATCH", htmx=True, status="done", version=version, **{"as": "line"})
    assert answer.text.lstrip().startswith(f'<li data-row id="line-{world.task}" class="done"')
    undo = json.loads(answer.headers["X-Toast"])["undo"]
    assert undo["target"] == f"#line-{world.task}"
    answer = pages.send(undo["url"], "PATCH", htmx=True, **undo["values"])
    assert 'class=""' in answer.text


def test_a_signals_task_leads_to_account_signal_and_people(pages: Pages, world: World) -> None:
    text = pages.get(f"/tasks/{world.task}")
    assert f'href="/accounts/{world.account}"' in text
    assert f'href="/signals/{world.signal}"' in text
    assert "/people/find?ref=user_id%3Aann" in text
    assert "Core events fell 92 %" in text


def test_a_signal_shows_evidence_and_its_task(pages: Pages, world: World) -> None:
    text = pages.get(f"/signals/{world.signal}")
    assert "Core events fell 92 %" in text
    assert f'href="/tasks/{world.task}"' in text
    assert "data-chart=" in text


def test_selected_tickets_change_together(pages: Pages) -> None:
    made = [
        pages.send("/tickets", subject=f"Bulk {i}", email="ann@acme.test").headers["Location"]
        for i in range(2)
    ]
    refs = [location.rsplit("/", 1)[1] for location in made]
    answer = pages.send("/tickets/bulk", ids=refs, status="resolved", owner_id="none")
    assert answer.status_code == 303
    for location in made:
        assert 'class="pill green">Solved' in pages.get(location)


def test_why_somebody_is_in_an_audience_is_told(pages: Pages, world: World) -> None:
    text = pages.get(f"/audiences/exporters/why?id={world.person}")
    assert "Report Exported 14 times in 30d" in text
    assert "?tab=activity&amp;cursor=" in text


def test_members_are_searched_and_exported(pages: Pages) -> None:
    assert "Ann Lee" in pages.get("/audiences/exporters?q=ann")
    assert "No member matches" in pages.get("/audiences/exporters?q=zzzz")
    answer = pages.ask("GET", "/audiences/exporters/members.csv")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="exporters.csv"'
    head, row, *more = answer.text.removeprefix("\ufeff").splitlines()
    assert head == "id,name,email,since"
    assert row.split(",")[1:3] == ["Ann Lee", "ann@acme.test"]
    assert not more


def test_an_audience_tells_its_history_and_who_uses_it(pages: Pages, world: World) -> None:
    assert "1 now; 1 entered and 0 left" in pages.get("/audiences/exporters?tab=changes")
    form = {"mode": "text", "name": "Asks", "key": "asks", "of": "person",
            "yaml": "of: person\nwhere: {member_of: exporters}"}  # fmt: skip
    assert pages.send("/audiences", **form).headers["Location"] == "/audiences/asks"
    drain(world.url)
    text = pages.get("/audiences/exporters?tab=use")
    assert 'href="/audiences/asks"' in text  # who asks for it
    assert "1 of 1 are in Asks" in text  # whom it shares with another
    refused = pages.send("/audiences/exporters/delete")
    assert refused.headers["Location"] == "/audiences/exporters?tab=use"
    assert pages.send("/audiences/asks/delete").headers["Location"] == "/audiences"
    assert "No audience asks for it" in pages.get("/audiences/exporters?tab=use")
    assert pages.ask("GET", "/audiences/asks").status_code == 404


def test_a_copy_opens_in_the_builder(pages: Pages) -> None:
    text = pages.get("/audiences/new?from=exporters")
    assert "Exporters (copy)" in text
    assert "Report Exported" in text


def test_only_admins_delete_an_audience(reader: Pages) -> None:
    assert "Delete audience" not in reader.get("/audiences/exporters")
    assert reader.send("/audiences/exporters/delete").status_code == 403


def test_a_write_key_is_shown_to_admins_only(pages: Pages, reader: Pages, world: World) -> None:
    path = f"/sources/{world.source}?tab=install"
    assert "wk_" in pages.get(path)
    text = reader.get(path)
    assert "wk_" not in text
    assert "YOUR_WRITE_KEY" in text


def test_refused_items_are_shown_with_their_reason(pages: Pages, world: World) -> None:
    text = pages.get(f"/sources/{world.source}/refused")
    assert "not an object" in text


def test_users_are_changed_and_the_audit_log_tells_it(pages: Pages, reader: Pages) -> None:
    made = {"email": "tom@x.test", "name": "Tom", "role": "reader", "password": PASSWORD}
    assert pages.send("/settings/users", **made).status_code == 303
    found = re.search(r'"Change Tom"', pages.get("/settings"))
    assert found
    ref = re.findall(r"/settings/users/(usr_\d+)/edit", pages.get("/settings"))[-1]
    assert pages.send(f"/settings/users/{ref}", role="member", enabled="no").status_code == 303
    text = pages.get("/settings/audit?action=user.changed")
    assert "Role reader → member; Enabled yes → no" in text
    assert "Maya" in text
    csv = pages.ask("GET", "/settings/audit.csv?action=user.changed")
    assert csv.headers["Content-Type"].startswith("text/csv")
    assert csv.text.count("\n") == 2
    assert f"user.changed,{ref}" in csv.text
    last = pages.send("/settings/users/usr_1", role="reader", enabled="yes")
    assert last.status_code == 409
    assert "last admin" in last.text
    for path in ("/settings/audit", "/settings/audit.csv", f"/settings/users/{ref}/edit"):
        reader.get(path, 403)
    assert reader.send(f"/settings/users/{ref}", role="admin", enabled="yes").status_code == 403


def test_a_key_is_shown_once(pages: Pages) -> None:
    answer = pages.send("/settings/keys", name="CI", role="reader")
    key = re.search(r"of_[\w-]+", answer.text)
    assert key
    assert key[0] not in pages.get("/settings")


def test_a_webhooks_secret_is_shown_once(pages: Pages) -> None:
    answer = pages.send(
        "/destinations", name="Mail", url="https://hooks.test/x", audiences=["launch"]
    )
    assert answer.status_code == 200, answer.text
    assert "whsec_" in answer.text
    text = pages.get("/destinations")
    assert "Mail" in text
    ref = re.search(r"/destinations/(dst_\d+)", text)
    assert ref
    assert "whsec_" not in pages.get(f"/destinations/{ref[1]}")


def test_the_palette_finds_records_and_actions(pages: Pages, world: World) -> None:
    found = pages.get("/palette?q=ann")
    assert f'href="/people/{world.person}"' in found
    assert "New ticket" in pages.get("/palette?q=%3Eticket")
    assert "Export fails" in pages.get("/palette?q=%23export")
    assert "Nothing matches" in pages.get("/palette?q=zzzzqqqq")


def test_an_empty_filter_is_not_an_empty_list(pages: Pages) -> None:
    assert "No results for this filter" in pages.get("/tickets?q=zzzz")
    assert "Clear filter" in pages.get("/people?q=zzzzqqqqxx")


def test_static_files_are_kept_for_good_by_their_content(pages: Pages) -> None:
    address = render.static("app.css")
    answer = pages.ask("GET", address)
    assert answer.status_code == 200
    assert "immutable" in answer.headers["Cache-Control"]
    assert answer.headers["Content-Type"].startswith("text/css")
    assert pages.ask("GET", "/static/app.css").headers["Cache-Control"] == "no-cache"
    for path in ("/static/../door.py", "/static/nothing.js", "/static/..%2Fdoor.py"):
        assert pages.ask("GET", path).status_code == 404


def test_an_unknown_page_says_so(pages: Pages) -> None:
    assert "There is nothing" in pages.get("/nowhere", status=404)


def test_logging_out_ends_the_session(stranger: Pages) -> None:
    leaving = Pages(stranger.client).log_in("rita@x.test")
    assert leaving.send("/logout").status_code == 303
    assert leaving.ask("GET", "/people").status_code == 303


def test_home_shows_the_teams_work_to_who_has_none(pages: Pages, reader: Pages) -> None:
    mine, theirs = pages.get("/"), reader.get("/")
    assert "My open tickets" in mine
    assert "Open tickets of the team" in theirs
    assert "Open signals of the team" in theirs


def test_an_account_page_names_who_did_it_and_keeps_ids_out_of_traits(
    pages: Pages, world: World
) -> None:
    text = pages.get(f"/accounts/{world.account}?tab=activity")
    assert 'class="by clip">Ann Lee' in text
    assert f'href="/people/{world.person}">Ann Lee' in text
    assert "Owner: Maya" in text
    assert "Owner id" not in text
