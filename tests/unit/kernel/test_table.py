"""Rows are gathered per table: new ones in order, replacing ones by key."""

from everycent.kernel.table import Rows, Table, table

PRICE = table("price", "tenant_id int4, code text, minor int8", key="tenant_id, code")


def test_a_table_is_read_from_text():
    columns = (("tenant_id", "int4"), ("code", "text"), ("minor", "int8"))
    assert table("price", "tenant_id int4, code text, minor int8", key="tenant_id, code") == Table(
        "price", columns, ("tenant_id", "code"), (0, 1)
    )
    assert PRICE.names == ["tenant_id", "code", "minor"]


def test_new_rows_keep_their_order_and_their_repetitions():
    rows = Rows()
    rows.add(PRICE, 1, "b", 10)
    rows.of(PRICE).append((1, "a", 20))
    rows.add(PRICE, 1, "b", 10)
    assert rows.added == {PRICE: [(1, "b", 10), (1, "a", 20), (1, "b", 10)]}


def test_a_row_replaces_the_one_with_the_same_key():
    rows = Rows()
    rows.put(PRICE, 1, "a", 10)
    rows.put(PRICE, 1, "b", 20)
    rows.put(PRICE, 1, "a", 30)
    assert list(rows.replaced[PRICE].values()) == [(1, "a", 30), (1, "b", 20)]
    assert rows.added == {}
