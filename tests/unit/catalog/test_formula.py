"""Formulas: precedence, exactness, and refusals in place of guesses."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everycent.catalog.formula import Node, evaluate, names, parse
from everycent.kernel.errors import Invalid

VALUES = {"a": Fraction(7), "b": Fraction(-3), "c": Fraction(1, 3), "z": Fraction(0)}


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("1", "1"),
        ("0.33", "33/100"),
        ("a", "7"),
        ("-a", "-7"),
        ("--a", "7"),
        ("-a + 1", "-6"),
        ("a - -b", "4"),
        ("a + b * 2", "1"),
        ("(a + b) * 2", "8"),
        ("a - b - 1", "9"),
        ("a - (b - 1)", "11"),
        ("a / 2 / 2", "7/4"),
        ("a / 2 * 2", "7"),
        ("a / 3", "7/3"),
        ("a / 3 * 3", "7"),
        ("c + c + c", "1"),
        ("-2 * -a", "14"),
        ("max(a, b)", "7"),
        ("min(a, b, z, 2)", "-3"),
        ("abs(b)", "3"),
        ("abs(-b) * max(1, min(a, 5))", "15"),
        ("max(b - 0.33 * a, 0)", "0"),
        ("  a+b\t* ( 1 ) ", "4"),
        ("a\n+\nb", "4"),
        ("999999999999999999.999999999999999999", "999999999999999999999999999999999999/" + str(10**18)),
        ("((((((((((a))))))))))", "7"),
        ("z / a", "0"),
    ],
)  # fmt: skip
def test_a_formula_has_its_exact_value(expression, value):
    assert evaluate(parse(expression), VALUES) == Fraction(value)


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("", "expected a value, found the end"),
        ("   ", "expected a value, found the end"),
        ("a +", "expected a value, found the end"),
        ("+ a", "expected a value, found '+'"),
        ("a b", "'b' is left over"),
        ("a, b", "',' is left over"),
        ("a)", "')' is left over"),
        ("(a", "expected ), found the end"),
        ("()", "expected a value, found ')'"),
        ("a ** 2", "expected a value, found '*'"),
        ("a // 2", "expected a value, found '/'"),
        ("a % 2", "' % 2' is not understood"),
        ("a^2", "'^2' is not understood"),
        ("a; b", "'; b' is not understood"),
        ("a.b", "'.b' is not understood"),
        ("1.", "'.' is not understood"),
        (".5", "'.5' is not understood"),
        ("1e5", "'e5' is left over"),
        ("1" * 19, "is left over"),
        ("0." + "1" * 19, "is left over"),
        ("١", "is not understood"),
        ("é", "is not understood"),
        ("'a'", "is not understood"),
        ("pow(a, 2)", "pow is not a function"),
        ("__import__(1)", "__import__ is not a function"),
        ("max(a)", "max takes two or more values"),
        ("min(a)", "min takes two or more values"),
        ("abs(a, b)", "abs takes one values"),
        ("max()", "expected a value, found ')'"),
        ("max(a, )", "expected a value, found ')'"),
        ("max(a b)", "expected ), found 'b'"),
        ("a(1)", "a is not a function"),
        ("(" * 20 + "a" + ")" * 20, "nested too deeply"),
        ("-" * 20 + "a", "nested too deeply"),
        ("abs(" * 20 + "a" + ")" * 20, "nested too deeply"),
        ("(" * 500, "nested too deeply"),
        ("a+" * 250 + "a", "longer than 500 characters"),
        ("n" * 81, "is left over"),
    ],
)
def test_what_is_no_formula_is_refused(expression, said):
    with pytest.raises(Invalid) as refused:
        parse(expression)
    assert (refused.value.code, refused.value.field) == ("formula.malformed", "formula")
    assert said in refused.value.message


@pytest.mark.parametrize("expression", ["1 / 0", "a / z", "a / (b + 3)", "max(1, a / (z * a))"])
def test_dividing_by_zero_is_refused_with_a_way_out(expression):
    with pytest.raises(Invalid) as refused:
        evaluate(parse(expression), VALUES)
    assert refused.value.code == "formula.division_by_zero"
    assert "max(" in refused.value.hint


def test_a_long_sum_is_no_deep_formula():
    assert evaluate(parse("a" + "+a" * 249), VALUES) == 250 * 7
    assert evaluate(parse("2" + "*2" * 249), {}) == 2**250


def test_names_are_told_once_and_functions_are_none():
    assert names(parse("max(a + b, a, abs(c)) / 2")) == {"a", "b", "c"}
    assert names(parse("1 + 2")) == set()
    assert names(parse("max + min")) == {"max", "min"}


def trees():
    leaf = st.one_of(
        st.sampled_from(sorted(VALUES)).map(lambda name: Node("name", name)),
        st.integers(0, 9999).map(lambda number: Node("number", f"{number / 100:.2f}")),
    )
    return st.recursive(
        leaf,
        lambda inner: st.one_of(
            st.tuples(st.sampled_from("+-*/"), inner, inner).map(
                lambda parts: Node(parts[0], parts[0], parts[1:])
            ),
            inner.map(lambda part: Node("negate", "-", (part,))),
            inner.map(lambda part: Node("call", "abs", (part,))),
            st.lists(inner, min_size=2, max_size=3).map(
                lambda parts: Node("call", "max", tuple(parts))
            ),
        ),
        max_leaves=5,
    )


def written(node):
    """The tree as an expression with every parenthesis that could be needed."""
    parts = [written(part) for part in node.parts]
    if node.kind in ("name", "number"):
        return node.text
    if node.kind == "call":
        return f"{node.text}({', '.join(parts)})"
    if node.kind == "negate":
        return f"(-{parts[0]})"
    return f"({parts[0]} {node.text} {parts[1]})"


@settings(max_examples=300, deadline=None)
@given(trees())
def test_what_is_written_is_what_is_read(tree):
    if len(written(tree)) <= 500:
        assert parse(written(tree)) == tree
