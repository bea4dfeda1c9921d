import msgspec
import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from onefold.activation import webhook
from onefold.activation.model import Job
from onefold.kernel import clock

JOB = Job(7, "msg_p5jXN8AQM9LWM0D4loKWxJek", "", {"test": "Ångström 李 🙂"}, 1, 0)
CONFIG = {"url": "https://example.com/hook", "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}


def test_receivers_libraries_take_the_signature() -> None:
    made = webhook.request(CONFIG, JOB, clock.now_ms())
    body = Webhook(CONFIG["secret"]).verify(made.body, made.headers)
    assert body == {"id": JOB.message_id, **JOB.payload}


def test_a_changed_body_is_noticed() -> None:
    made = webhook.request(CONFIG, JOB, clock.now_ms())
    with pytest.raises(WebhookVerificationError):
        Webhook(CONFIG["secret"]).verify(made.body + b" ", made.headers)


def test_the_published_example_has_its_published_signature() -> None:
    plain = msgspec.structs.replace(JOB, payload={})
    made = webhook.request(CONFIG, plain, 1_614_265_330_999)
    expected = Webhook(CONFIG["secret"]).sign(
        JOB.message_id, clock.to_datetime(1_614_265_330_000), made.body.decode()
    )
    assert made.headers["webhook-timestamp"] == "1614265330"
    assert made.headers["webhook-signature"] == expected


def test_attempts_share_id_and_body_but_not_time() -> None:
    first = webhook.request(CONFIG, JOB, 1_790_000_000_000)
    second = webhook.request(CONFIG, JOB, 1_790_000_060_000)
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body
    assert first.headers["webhook-signature"] != second.headers["webhook-signature"]


def test_every_secret_is_new_and_whole() -> None:
    secrets = {webhook.new_secret() for _ in range(200)}
    assert len(secrets) == 200
    for secret in secrets:
        assert len(Webhook(secret)._whsecret) == 24
