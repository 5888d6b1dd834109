"""Client and AsyncClient: a method for each operation. Written by scripts/client.py."""

from __future__ import annotations

from everycent_client import asynchronous, calls, sync


class Client(sync.Sender):
    """Asks a server; see the module `calls`."""

    acknowledge_alarm = sync.method(calls.acknowledge_alarm)
    create_key = sync.method(calls.create_key)
    get_alarm = sync.method(calls.get_alarm)
    get_answer = sync.method(calls.get_answer)
    get_batches = sync.method(calls.get_batches)
    get_chart = sync.method(calls.get_chart)
    get_document = sync.method(calls.get_document)
    get_documents = sync.method(calls.get_documents)
    get_entitlements = sync.method(calls.get_entitlements)
    get_gaps = sync.method(calls.get_gaps)
    get_reasons = sync.method(calls.get_reasons)
    get_run = sync.method(calls.get_run)
    get_running = sync.method(calls.get_running)
    get_runs = sync.method(calls.get_runs)
    get_thresholds = sync.method(calls.get_thresholds)
    get_totals = sync.method(calls.get_totals)
    list_alarms = sync.listing(calls.list_alarms)
    list_audit = sync.listing(calls.list_audit)
    list_keys = sync.listing(calls.list_keys)
    post_abort = sync.method(calls.post_abort)
    post_pause = sync.method(calls.post_pause)
    post_resume = sync.method(calls.post_resume)
    post_usage = sync.method(calls.post_usage)
    requeue_document = sync.method(calls.requeue_document)
    resolve_alarm = sync.method(calls.resolve_alarm)
    revoke_key = sync.method(calls.revoke_key)


class AsyncClient(asynchronous.AsyncSender):
    """Asks a server; see the module `calls`."""

    acknowledge_alarm = asynchronous.method(calls.acknowledge_alarm)
    create_key = asynchronous.method(calls.create_key)
    get_alarm = asynchronous.method(calls.get_alarm)
    get_answer = asynchronous.method(calls.get_answer)
    get_batches = asynchronous.method(calls.get_batches)
    get_chart = asynchronous.method(calls.get_chart)
    get_document = asynchronous.method(calls.get_document)
    get_documents = asynchronous.method(calls.get_documents)
    get_entitlements = asynchronous.method(calls.get_entitlements)
    get_gaps = asynchronous.method(calls.get_gaps)
    get_reasons = asynchronous.method(calls.get_reasons)
    get_run = asynchronous.method(calls.get_run)
    get_running = asynchronous.method(calls.get_running)
    get_runs = asynchronous.method(calls.get_runs)
    get_thresholds = asynchronous.method(calls.get_thresholds)
    get_totals = asynchronous.method(calls.get_totals)
    list_alarms = asynchronous.listing(calls.list_alarms)
    list_audit = asynchronous.listing(calls.list_audit)
    list_keys = asynchronous.listing(calls.list_keys)
    post_abort = asynchronous.method(calls.post_abort)
    post_pause = asynchronous.method(calls.post_pause)
    post_resume = asynchronous.method(calls.post_resume)
    post_usage = asynchronous.method(calls.post_usage)
    requeue_document = asynchronous.method(calls.requeue_document)
    resolve_alarm = asynchronous.method(calls.resolve_alarm)
    revoke_key = asynchronous.method(calls.revoke_key)
