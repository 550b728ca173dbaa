"""Two sets of values side by side: what went, what came, and nothing else."""

from django.utils.html import escape
from hypothesis import given
from hypothesis import strategies as st

from dashboard.fleet import difference


def test_only_what_differs_is_shown() -> None:
    found = difference.compare({"a": 1, "b": "x"}, {"a": 2, "b": "x", "c": [1]})
    assert [(one.field, str(one.before), str(one.after)) for one in found] == [
        ("a", "1", "2"),
        ("c", str(difference.NOTHING), "<ins>[\n  1\n]</ins>"),
    ]
    assert found[0].step == "+1"


def test_nested_values_have_names_of_their_own() -> None:
    old = {"weights": {"soon": 12.0}, "parts": [{"signal": "price", "points": 8}]}
    new = {"weights": {"soon": 18.0}, "parts": [{"signal": "price", "points": 0}]}
    found = difference.compare(old, new)
    assert [one.field for one in found] == ["weights.soon", "parts.price.points"]
    assert found[0].label == "Weights · soon"


def test_words_are_marked_and_escaped() -> None:
    before, after = difference.side_by_side("Hi <b> Dana, thanks.", "Hi <b> Dana, many thanks.")
    assert str(before) == "Hi &lt;b&gt; Dana, thanks."
    assert str(after) == "Hi &lt;b&gt; Dana, <ins>many </ins>thanks."


def test_texts_with_nothing_in_common_are_two_texts() -> None:
    before, after = difference.side_by_side("We are plumbers in Tucson", "none of your places")
    assert before.count("<del>") == after.count("<ins>") == 1


def test_long_texts_are_compared_line_by_line() -> None:
    old = "\n".join(f"line {n}" for n in range(2_000))
    before, _ = difference.side_by_side(old, old.replace("line 7\n", "row 7\n"))
    assert before.count("<del>") == 1
    assert "<del>line </del>7" in before


@given(st.text(max_size=60), st.text(max_size=60))
def test_no_word_is_lost(old: str, new: str) -> None:
    def words(html: str) -> str:
        for tag in ("<del>", "</del>", "<ins>", "</ins>"):
            html = html.replace(tag, "")
        return html

    before, after = difference.side_by_side(old, new)
    assert words(before) == str(escape(old))
    assert words(after) == str(escape(new))
