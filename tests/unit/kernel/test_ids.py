"""Ids sort by time, read with a prefix, and are refused when they name something else."""

from uuid import RFC_4122, UUID

import pytest

from everycent.kernel import ids
from everycent.kernel.errors import Invalid

ONE = UUID("017f22e2-79b0-7cc3-98c4-dc0c0c07398f")


def test_the_example_of_rfc_9562_comes_out():
    random_bits = 0xCC3 << 62 | 0x18C4DC0C0C07398F
    assert ids.uuid7(0x017F22E279B0, random_bits) == ONE


def test_a_version_7_uuid_keeps_to_the_layout_whatever_it_is_given():
    for unix_ms, random_bits in [(0, 0), (2**48 - 1, 2**74 - 1), (2**60, 2**128 - 1)]:
        made = ids.uuid7(unix_ms, random_bits)
        assert (made.version, made.variant) == (7, RFC_4122)


def test_ids_sort_by_the_time_they_were_made():
    assert ids.uuid7(1, 2**74 - 1) < ids.uuid7(2, 0)


def test_a_derived_id_belongs_to_its_key_for_ever():
    assert ids.derived("invoice 1") == ids.derived("invoice 1")
    assert ids.derived("invoice 1") != ids.derived("invoice 2")
    assert ids.derived("invoice 1") == UUID("55cd62f7-f45d-8e42-9370-72c46dedc5ff")
    assert (ids.derived("x").version, ids.derived("x").variant) == (8, RFC_4122)


@pytest.mark.parametrize(
    ("prefix", "value", "text"),
    [
        (ids.INVOICE, UUID(int=0), "inv_00000000000000000000000000"),
        (ids.CUSTOMER, UUID(int=31), "cus_0000000000000000000000000z"),
        (ids.EVENT, UUID(int=32), "evt_00000000000000000000000010"),
        (ids.RUN, UUID(int=2**128 - 1), "run_7zzzzzzzzzzzzzzzzzzzzzzzzz"),
        (ids.SUBSCRIPTION, ONE, "sub_01fwhe4ydgfk1shh6w1g60eecf"),
    ],
)
def test_an_id_is_shown_with_its_prefix_and_read_back(prefix, value, text):
    assert ids.show(prefix, value) == text
    assert ids.parse(prefix, text, "id") == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "inv",
        "inv_",
        "_01fwhe4ydgfk1shh6w1g60eecf",
        "cus_01fwhe4ydgfk1shh6w1g60eecf",
        "INV_01fwhe4ydgfk1shh6w1g60eecf",
        "inv_01FWHE4YDGFK1SHH6W1G60EECF",
        "inv_01fwhe4ydgfk1shh6w1g60eec",
        "inv_01fwhe4ydgfk1shh6w1g60eecff",
        "inv_01fwhe4ydgfk1shh6w1g60eeci",
        "inv_01fwhe4ydgfk1shh6w1g60eeco",
        "inv_01fwhe4ydgfk1shh6w1g60eecf\n",
        "inv_80000000000000000000000000",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398f",
        "inv_" + "0" * 10_000,
    ],
)
def test_anything_else_is_refused(text):
    with pytest.raises(Invalid) as refused:
        ids.parse(ids.INVOICE, text, "invoice")
    assert refused.value.code == "id.malformed"
    assert refused.value.field == "invoice"
    assert len(refused.value.message) < 120
