"""The page of a source's webhook: choose, save, preview, suggest, read again; its secret hidden."""

import json

from onefold import storage
from onefold.kernel.viewer import SYSTEM
from onefold.sources import webhooks
from onefold.web import paths

from .conftest import Pages, World
from .hooks import ORDER, source


def test_a_webhook_is_chosen_saved_and_its_secret_is_not_shown_again(
    pages: Pages, world: World
) -> None:
    made = source(world, "Stripe")
    path = f"/sources/{made.api_id}/webhook"
    assert "Not set up" in pages.get(path)
    text = pages.get(f"{path}?kind=stripe")
    assert "Signing secret of the endpoint" in text
    assert "/v1/webhook/stripe" in text
    bad = pages.send(path, kind="stripe", version="0", secret="")
    assert bad.status_code == 400
    assert "is missing" in bad.text
    answer = pages.send(path, kind="stripe", version="0", secret="whsec_hidden", opt_account_key="")
    assert answer.status_code == 303
    text = pages.get(path)
    assert "whsec_hidden" not in text
    assert "Leave empty to keep the one that is set." in text
    stale = pages.send(path, kind="stripe", version="9", secret="whsec_b")
    assert stale.status_code == 409
    assert "whsec_b" not in stale.text
    assert pages.send(f"{path}/remove").status_code == 303
    assert "Not set up" in pages.get(path)


def test_a_secret_in_the_address_is_made_and_shown_once(pages: Pages, world: World) -> None:
    made = source(world, "Salesforce")
    path = f"/sources/{made.api_id}/webhook"
    answer = pages.send(path, kind="salesforce", version="0", secret="")
    assert answer.status_code == 200
    assert "/v1/webhook/salesforce?token=wh_" in answer.text
    text = pages.get(path)
    assert "token=wh_" not in text
    assert "token=YOUR_SECRET" in text


def test_a_mapping_is_previewed_as_it_is_typed(pages: Pages, world: World) -> None:
    made = source(world, "Shop", ORDER)
    path = f"/sources/{made.api_id}/webhook"
    text = pages.get(path)
    assert "ann@acme.test" in text  # the newest delivery is the sample
    assert "is old." in text
    form = {
        "kind": "json", "map_event": "kind", "map_names": "order.paid = Order Completed",
        "map_email": "buyer.mail", "map_properties": "sum = cents", "sample": json.dumps(ORDER),
    }  # fmt: skip
    answer = pages.send(f"{path}/preview", htmx=True, **form)
    assert answer.status_code == 200
    assert "Order Completed" in answer.text
    assert "email:ann@acme.test" in answer.text
    assert "990" in answer.text
    assert "<html" not in answer.text
    assert "<html" in pages.send(f"{path}/preview", **form).text  # without JavaScript, as a page
    wrong = pages.send(f"{path}/preview", htmx=True, **{**form, "map_event": "a..b"})
    assert "no JMESPath" in wrong.text
    lost = pages.send(f"{path}/preview", htmx=True, **{**form, "sample": '{"kind": "x"}'})
    assert "Would be refused" in lost.text
    suggested = pages.send(f"{path}/preview", suggest="yes", **form).text
    assert 'value="buyer.mail"' not in suggested  # the form as sent would hide the suggestion
    assert 'value="id"' in suggested


def test_readers_see_deliveries_and_cannot_change(
    pages: Pages, reader: Pages, world: World
) -> None:
    reader.log_in("rita@x.test")
    made = source(world, "Read", ORDER)
    path = f"/sources/{made.api_id}/webhook"
    text = reader.get(path)
    assert "order.paid" in text
    assert 'name="secret"' not in text
    for tail in ("", "/remove", "/reread", "/preview"):
        assert reader.send(f"{path}{tail}", kind="json").status_code == 403
    pages.log_in("maya@x.test")
    assert pages.send(f"{path}/reread").status_code == 303


def test_a_mapping_goes_through_its_form_unchanged() -> None:
    tree = {
        "type": "identify", "each": "events[?kind == 'x']", "user_id": "a || b",
        "traits": {"plan": "tier == 'x' && 'pro' || 'free'"}, "external_ids": {"login": "l"},
        "properties": "data[?a == 'b'] | [0]", "event": "'Order Paid'",
    }  # fmt: skip
    mapping = webhooks.config_of("json", {}, tree).mapping
    assert paths.read(paths.fields(mapping)) == tree
    assert paths.read({"map_type": "track"}) is None
    assert paths.read({"map_names": "no pair here"}) == {"names": {"no pair here": "?"}}


def test_an_option_can_be_emptied(pages: Pages, world: World) -> None:
    made = source(world, "Shopify")
    path = f"/sources/{made.api_id}/webhook"
    form = {
        "kind": "hmac", "version": "0", "secret": "shh", "opt_header": "X-Shopify-Hmac-Sha256",
        "opt_prefix": "", "opt_encoding": "base64", "map_event": "e", "map_user_id": "u",
    }  # fmt: skip
    assert pages.send(path, **form).status_code == 303
    with storage.connect(world.url) as conn:
        found = webhooks.store.get(conn, SYSTEM, made.id)
    assert found
    assert found.config.options == {
        "header": "X-Shopify-Hmac-Sha256", "prefix": "", "encoding": "base64",
    }  # fmt: skip


def test_a_preset_fills_the_form(pages: Pages, world: World) -> None:
    made = source(world, "Mail")
    text = pages.get(f"/sources/{made.api_id}/webhook?kind=postmark")
    assert 'value="RecordType"' in text
    assert "Delivery = Email Delivered" in text
    assert '<input type="hidden" name="kind" value="json">' in text
