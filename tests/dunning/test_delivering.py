"""Messages come to whoever is meant, at least once, and it is told why where they don't."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta

import pytest

from everycent.flows.deliver import deliver
from everycent.integrations import mail_out, webhook_out
from everycent.integrations.webhook_gate import Gate
from everycent.journal import operations as journal
from everycent.kernel import clock
from everycent.kernel.errors import Conflict, Invalid
from everycent.messages import operations, projection, queries
from everycent.messages.message import Kind, Message, Outcome, Status
from everycent.webhooks.target import allowed_of
from tests.dunning import debts, post

NOW = datetime(2026, 2, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HERE = Gate(allowed_of("127.0.0.0/8"))


def queue(place, **told) -> str:
    """Puts a message in the queue; returns its id as people see it."""
    fields = {
        "kind": Kind.MAIL, "occasion": f"test/{told}", "to": "ann@example.com", "subject": "Hello",
        "body": "Hello Ann\n",
    } | told  # fmt: skip
    made = Message(place.ids(f"message/{told}"), **fields)
    with place.database.transaction(place.tenant_id) as tx:
        draft = operations.draft_of(made, at=NOW, actor="test", ids=place.ids)
        journal.record(tx, [draft], NOW, projection.any_of)
    return made.name


def send(place, senders, at: datetime = NOW, **more) -> Counter[str]:
    return deliver(
        place.database, place.tenant_id, senders, clock=clock.fixed(at), ids=place.ids,
        actor="test", **more,
    )  # fmt: skip


def mailer(url: str):
    return {Kind.MAIL: mail_out.mailer(mail_out.server_of(url, "Billing <billing@example.com>"))}


def hooker(secrets: str = post.SECRET):
    known = webhook_out.secrets_of(secrets)
    return {Kind.WEBHOOK: lambda message, at: webhook_out.send(known, message, at, HERE)}


def standing(place, name: str):
    with place.database.snapshot(place.tenant_id) as tx:
        return queries.by_name(tx, name).state


def test_a_letter_comes_with_both_forms_and_its_id(place, tmp_path):
    debts.owing(place)
    debts.run(place, date(2026, 1, 18))
    with post.mail_server(tmp_path) as url:
        assert send(place, mailer(url)) == {"delivered": 1}
        assert send(place, mailer(url)) == {}
    (mail,) = post.mails(tmp_path)
    (held,) = debts.queued(place)
    assert mail["X-Envelope-To"] == "c000@example.com"
    assert mail["From"] == "Billing <billing@example.com>"
    assert mail["Message-ID"] == f"<{held.message.name}@example.com>"
    assert mail["Auto-Submitted"] == "auto-generated"
    text = mail.get_body(("plain",)).get_content()
    assert "INV-000001  2026-01-15  37.20 EUR" in text
    assert "https://pay.example.com/c000" in text
    html = mail.get_body(("html",)).get_content()
    assert '<a href="https://pay.example.com/c000">' in html
    assert debts.violations(place) == []


def test_what_is_refused_for_now_is_tried_again_later_and_later(place, tmp_path):
    name = queue(place, to="busy@example.com")
    at, gaps = NOW, []
    with post.mail_server(tmp_path) as url:
        for _ in range(9):
            assert send(place, mailer(url), at) == {"waiting": 1}
            state = standing(place, name)
            assert state.reason == "451 4.3.0 come back later"
            assert send(place, mailer(url), state.next_at - timedelta(microseconds=1)) == {}
            gaps.append(state.next_at - at)
            at = state.next_at
        assert send(place, mailer(url), at) == {"failed": 1}
    assert gaps == sorted(gaps)
    wanted = [1, 5, 30, 120, 300, 600, 840, 1200, 1440]
    for gap, minutes in zip(gaps, wanted, strict=True):
        assert minutes * MINUTE <= gap <= minutes * MINUTE * 1.1
    assert (standing(place, name).status, standing(place, name).tries) == (Status.FAILED, 10)
    assert debts.violations(place) == []


@pytest.mark.parametrize(
    ("to", "reason"),
    [
        ("refuse@example.com", "550 5.1.1 no such mailbox"),
        ("a@b,root", "to: 'a@b,root' is not a mail address"),
        ("a@example.com>", "to: 'a@example.com>' is not a mail address"),
    ],
)
def test_what_can_never_be_delivered_is_given_up_at_once(place, tmp_path, to, reason):
    name = queue(place, to=to)
    with post.mail_server(tmp_path) as url:
        assert send(place, mailer(url)) == {"failed": 1}
    assert standing(place, name).reason == reason
    assert post.mails(tmp_path) == []


def test_a_mail_that_was_taken_without_a_word_comes_again_with_the_same_id(place, tmp_path):
    queue(place, to="lost@example.com")
    with post.mail_server(tmp_path) as url:
        assert send(place, mailer(url)) == {"waiting": 1}
        assert send(place, mailer(url), NOW + 2 * MINUTE) == {"waiting": 1}
    first, second = post.mails(tmp_path)
    assert first["Message-ID"] == second["Message-ID"]


def test_a_server_that_is_away_is_a_reason_and_costs_nothing(place, tmp_path):
    name = queue(place)
    with post.mail_server(tmp_path) as url:
        pass
    assert send(place, mailer(url)) == {"waiting": 1}
    assert standing(place, name).reason.startswith("ConnectionRefusedError")
    with post.mail_server(tmp_path) as url:
        assert send(place, mailer(url), NOW + 2 * MINUTE) == {"delivered": 1}


@pytest.mark.parametrize("field", ["subject", "name"])
def test_nobody_gets_a_header_into_a_mail(place, tmp_path, field):
    evil = "Hi\r\nBcc: victim@example.com"
    message = Message(place.ids("m"), Kind.MAIL, "o", "a@example.com", evil, "text")
    server = mail_out.server_of("smtp://127.0.0.1", "Billing <b@example.com>")
    if field == "name":
        message = Message(
            place.ids("m"), Kind.MAIL, "o", "a@example.com", "Hi", "text", headers={"X-A": evil}
        )
    with pytest.raises(Invalid) as refusal:
        mail_out.mail_of(message, server.sender, NOW)
    assert refusal.value.code == "message.bad_header"


def test_a_webhook_is_signed_and_keeps_its_id_while_it_is_tried_again(place):
    with post.hook(500, 204) as hook:
        queue(place, kind=Kind.WEBHOOK, to=hook.url, subject="dunning.step_taken", body='{"a":1}')
        assert send(place, hooker()) == {"waiting": 1}
        assert send(place, hooker(), NOW + 2 * MINUTE) == {"delivered": 1}
        (first, body), (second, _) = hook.got
    assert body == b'{"a":1}'
    assert post.is_signed(first, body)
    assert post.is_signed(second, body)
    assert not post.is_signed(first, body + b" ")
    assert first["webhook-id"] == second["webhook-id"]
    assert int(second["webhook-timestamp"]) - int(first["webhook-timestamp"]) == 120


def test_two_secrets_sign_while_one_is_exchanged(place):
    other = "whsec_" + "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo="
    with post.hook() as hook:
        queue(place, kind=Kind.WEBHOOK, to=hook.url, subject="x", body="{}")
        assert send(place, hooker(f"{post.SECRET} {other}")) == {"delivered": 1}
        ((headers, body),) = hook.got
    assert post.is_signed(headers, body)
    assert post.is_signed(headers, body, other)


@pytest.mark.parametrize(
    ("status", "expected", "reason"),
    [
        (307, "waiting", "answered 307"),
        (410, "failed", "answered 410"),
        (404, "waiting", "answered 404"),
    ],
)
def test_no_redirect_is_followed_and_who_is_gone_is_left_alone(place, status, expected, reason):
    with post.hook(status) as hook:
        name = queue(place, kind=Kind.WEBHOOK, to=hook.url, subject="x", body="{}")
        assert send(place, hooker()) == {expected: 1}
        assert len(hook.got) == 1
    assert standing(place, name).reason == reason


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/", "ftp://example.com/", "https://user:secret@example.com/",
        "http://127.0.0.1.example.com/", "http://169.254.169.254/", "https://ex ample.com",
        "https://example.com\\@127.0.0.1/", "HTTP://example.com", "file:///etc/passwd", "//example.com",
        "http://localhost@example.com/", "https://example.com/\r\nx: y",
    ],
)  # fmt: skip
def test_a_webhook_goes_over_tls_or_stays_on_this_machine(place, url):
    done = webhook_out.send(
        webhook_out.secrets_of(post.SECRET),
        Message(place.ids("m"), Kind.WEBHOOK, "o", url, "x", "{}"),
        NOW,
    )
    assert (done.is_delivered, done.is_final) == (False, True)


def test_a_kind_that_is_not_set_up_waits_without_being_tried(place):
    name = queue(place)
    assert send(place, hooker()) == {}
    assert standing(place, name).tries == 0


def test_two_who_send_at_once_send_a_message_once(place):
    for n in range(40):
        queue(place, occasion=f"o{n}", subject=f"Hello {n}")
    sent = []

    def slow(message, at):
        sent.append(message.subject)
        if len(sent) == 1:
            counts.update(send(place, {Kind.MAIL: lambda m, _: sent.append(m.subject) or OK}))
        return OK

    OK = Outcome(is_delivered=True)  # noqa: N806 - a constant of the test
    counts: Counter[str] = Counter()
    counts.update(send(place, {Kind.MAIL: slow}))
    assert counts == {"delivered": 40}
    assert sorted(sent) == sorted(f"Hello {n}" for n in range(40))


def test_what_a_dead_sender_had_claimed_is_sent_when_its_time_is_over(place):
    queue(place)

    def dies(message, at):
        raise SystemExit

    with pytest.raises(SystemExit):
        send(place, {Kind.MAIL: dies}, lease=timedelta(seconds=0))
    assert send(place, {Kind.MAIL: lambda *_: Outcome(is_delivered=True)}) == {"delivered": 1}


def test_what_was_given_up_can_be_tried_anew_and_what_came_can_not(place, tmp_path):
    name = queue(place, to="refuse@example.com")
    send(place, {Kind.MAIL: lambda *_: Outcome(is_delivered=False, is_final=True, reason="no")})
    with place.database.transaction(place.tenant_id) as tx:
        operations.requeue(tx, name, at=NOW + MINUTE, actor="test", ids=place.ids)
    assert standing(place, name).status is Status.WAITING
    taken = {Kind.MAIL: lambda *_: Outcome(is_delivered=True)}
    assert send(place, taken, NOW + MINUTE) == {"delivered": 1}
    with place.database.transaction(place.tenant_id) as tx, pytest.raises(Conflict) as refusal:
        operations.requeue(tx, name, at=NOW, actor="test", ids=place.ids)
    assert refusal.value.code == "message.delivered"
    assert debts.violations(place) == []


@pytest.mark.parametrize(
    ("url", "sender"),
    [
        ("http://mail.example.com", "a@example.com"), ("smtp://", "a@example.com"),
        ("smtp://h:port", "a@example.com"), ("smtp://h", "nobody"), ("smtp://h", "a@b\r\nBcc: c@d"),
    ],
)  # fmt: skip
def test_settings_for_mail_that_make_no_sense_are_refused_without_a_password(url, sender):
    with pytest.raises(Invalid) as refusal:
        mail_out.server_of(url.replace("://", "://user:hunter2@"), sender)
    assert refusal.value.code == "settings.bad_mail"
    assert "hunter2" not in str(refusal.value.as_dict())


@pytest.mark.parametrize("text", ["", "secret", "whsec_", "whsec_c2hvcnQ=", "whsec_%%%"])
def test_a_webhook_secret_that_is_none_is_refused(text):
    with pytest.raises(Invalid) as refusal:
        webhook_out.secrets_of(text)
    assert refusal.value.code == "settings.bad_webhook_secret"
