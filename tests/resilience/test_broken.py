"""Where we fail ourselves, that unit waits and has an alarm, and nothing else is stopped."""

import signal
from datetime import timedelta

import psycopg
import pytest

from everycent.alarms import queries as alarms
from everycent.alarms.operations import Channel
from everycent.messages.message import Kind, Outcome
from tests.dunning.test_delivering import NOW, queue, send, standing
from tests.erp import books
from tests.erp.books import handed_over
from tests.erp.fake import running_erp
from tests.erp.test_over_http import LATER, adapter, in_step
from tests.resilience.own import running, until


def raised(place, *, is_open=True):
    with place.database.snapshot(place.tenant_id) as tx:
        return sorted(
            (one.kind, one.subject) for one in alarms.listed(tx, is_open=is_open, limit=1000)
        )


class Sender:
    """Sends, and fails at some messages as long as it is told to."""

    def __init__(self, *broken):
        self.broken = set(broken)
        self.sent = []

    def __call__(self, message, at):
        if message.name in self.broken:
            raise KeyError("a bug\x00")
        self.sent.append(message.name)
        return Outcome(is_delivered=True, reason="taken")


def test_a_message_at_which_we_fail_stops_no_other_and_has_an_alarm_until_it_is_sent(place):
    names = [queue(place, subject=f"m{n}") for n in range(5)]
    sender = Sender(names[2])
    assert send(place, {Kind.MAIL: sender}) == {"delivered": 4, "waiting": 1}
    assert raised(place) == [("work.broken", names[2])]
    assert standing(place, names[2]).reason == "KeyError: 'a bug\\x00'"
    sender.broken.clear()
    assert send(place, {Kind.MAIL: sender}, NOW + timedelta(minutes=2)) == {"delivered": 1}
    assert sorted(sender.sent) == sorted(names)
    assert raised(place) == []


@pytest.mark.parametrize("is_delivered", [True, False])
def test_what_a_try_came_to_is_written_down_even_if_the_database_can_not_take_its_words(
    place, is_delivered
):
    names = [queue(place, subject=f"m{n}") for n in range(3)]

    def sender(message, at):
        if message.name == names[1]:
            return Outcome(is_delivered=is_delivered, reason="said\x00so")
        return Outcome(is_delivered=True)

    wanted = {"delivered": 3} if is_delivered else {"delivered": 2, "waiting": 1}
    assert send(place, {Kind.MAIL: sender}) == wanted
    assert raised(place) == ([] if is_delivered else [("work.broken", names[1])])


def test_what_was_sent_while_the_database_went_is_written_down_when_it_is_back(own):
    own.run("up")
    with own.place() as place:
        name = queue(place, subject="m")
        sent = []

        def sender(message, at):
            sent.append(message.name)
            own.stop(signal.SIGQUIT)
            return Outcome(is_delivered=True)

        def can_wait():
            own.start()
            return True

        assert send(place, {Kind.MAIL: sender}, can_wait=can_wait) == {"delivered": 1}
        assert sent == [name]
        assert standing(place, name).status.value == "delivered"


def test_alarms_about_messages_about_alarms_do_not_multiply(place):
    name = queue(place, subject="m")
    channels = (Channel(Kind.WEBHOOK, "https://ops.example.com/"),)

    def broken(message, at):
        raise RuntimeError("a bug")

    for minutes in (0, 2, 8, 40, 200):
        senders = {Kind.MAIL: broken, Kind.WEBHOOK: broken}
        send(place, senders, NOW + timedelta(minutes=minutes), channels=channels)
    assert raised(place) == [("work.broken", "alarms"), ("work.broken", name)]


class Buggy:
    """An adapter with a bug that shows at some documents."""

    def __init__(self, inner, *names):
        self._inner, self.names = inner, set(names)
        self.name, self.batch, self.page = inner.name, inner.batch, inner.page

    def _trip(self, references):
        if self.names & {one.rpartition("/")[2] for one in references}:
            raise ZeroDivisionError("a bug")

    def send(self, seller, parcel):
        self._trip([one.reference for one in parcel.documents])
        return self._inner.send(seller, parcel)

    def ask(self, references):
        self._trip(references)
        return self._inner.ask(references)

    def listed(self, seller, after):
        return self._inner.listed(seller, after)


@pytest.mark.parametrize("mode", ["now", "later"])
def test_a_document_at_which_we_fail_stops_no_other_and_has_an_alarm_until_it_is_there(
    place, tmp_path, mode
):
    books.open_shop(place, 6)
    with running_erp(tmp_path, mode=mode, delay="0") as fake:
        erp = Buggy(adapter(fake, batch=3), "INV-000002")
        handed_over(place, erp)
        assert raised(place) == [("work.broken", "books batch 1")]
        handed_over(place, erp, rounds=(10, 30, 60, 100))
        stands = books.standing(place, erp)
        assert stands.pop("INV-000002") == "initiated broken"
        assert set(stands.values()) == {"registered"}
        assert raised(place) == [("work.broken", "default/INV-000002")]
        erp.names.clear()
        handed_over(place, erp, rounds=LATER)
        in_step(place, erp, fake)


@pytest.mark.not_recounted
def test_a_document_that_can_not_be_read_keeps_no_other_out_of_its_batch(place, tmp_path):
    books.open_shop(place, 5)

    def spoil(to, what):
        with psycopg.connect(place.conninfo, autocommit=True) as admin:
            admin.execute("alter table everycent.journal_event disable trigger all")
            admin.execute(
                "update everycent.journal_event set type = %s where type = %s and event_id ="
                " (select event_id from everycent.invoice where number = 3)",
                (to, what),
            )
            admin.execute("alter table everycent.journal_event enable trigger all")

    spoil("invoice.spoiled", "invoice.issued")
    with running_erp(tmp_path) as fake:
        erp = adapter(fake, batch=2)
        assert handed_over(place, erp)["registered"] == 4
        assert handed_over(place, erp) == {}
        ((kind, subject),) = raised(place)
        assert (kind, subject[:4]) == ("work.broken", "inv_")
        spoil("invoice.issued", "invoice.spoiled")
        assert handed_over(place, erp)["registered"] == 1
        in_step(place, erp, fake)


def test_a_round_that_breaks_ends_no_worker_and_has_an_alarm_until_it_goes_well(own):
    own.run("up")
    with running(own.environ(), "usage", "watch") as worker:
        until(lambda: own.sql("select 1 from everycent.tenant"), "it works")
        with psycopg.connect(own.url, autocommit=True) as admin:
            admin.execute("alter table everycent.usage_batch rename to usage_batch_gone")
            until(lambda: [one for one in own.alarms() if one.state == "raised"], "it is raised")
            admin.execute("alter table everycent.usage_batch_gone rename to usage_batch")
        until(lambda: [one for one in own.alarms() if one.state == "resolved"], "it is over")
        assert worker.ended_by(signal.SIGTERM) == 0
    (alarm,) = own.alarms()
    assert (alarm.kind, alarm.subject, alarm.state) == ("work.broken", "usage watch", "resolved")
