"""The bench beside other memories: figures come from processes of their own, a failure is a figure too."""

from __future__ import annotations

from knowhow.evals.benches.peers import best, compare, measure, missed

FEW = {
    "knowhow_memory": {"delta_of_3_ms": 0.5, "recall_8_ms": 0.2, "open_and_recall_ms": 400.0},
    "text_playbook": {"delta_of_3_ms": 20.0},
    "langgraph_store": {"recall_8_ms": 200.0},
}
MANY = {
    "knowhow_memory": {"recall_8_ms": 2.0},
    "numpy_scan": {"recall_8_ms": 8.0},
    "chroma_collection": {"recall_8_ms": 1.5},
}


def test_our_own_memory_is_measured_and_finds_all_the_true_neighbours() -> None:
    figures = measure("knowhow_memory", 1_500)
    assert figures["true_neighbours_found"] == 1.0
    assert all(figures[name] > 0 for name in ("recall_8_ms", "delta_of_3_ms", "open_ms", "open_and_recall_ms"))
    assert set(figures["versions"]) == {"numpy", "simsimd"}


def test_what_is_not_installed_is_told_with_the_reason() -> None:
    assert measure("ace_skillbook", 5) == {"failed": "ModuleNotFoundError: No module named 'ace'"}


def test_the_best_turn_counts_and_a_failed_one_is_shown() -> None:
    turns = [{"recall_8_ms": 2.0, "note": "x"}, {"recall_8_ms": 1.0, "note": "x"}]
    assert best(turns) == {"recall_8_ms": 1.0, "note": "x"}
    assert best([*turns, {"failed": "no"}]) == {"failed": "no"}


def test_what_is_slower_than_we_hold_ourselves_to_is_named() -> None:
    compared = compare(FEW, MANY)
    assert compared == {
        "delta_against_text_playbook": 40.0,
        "recall_against_in_memory_store": 1000.0,
        "recall_at_many_against_fastest_bare": 0.75,
        "open_and_recall_seconds": 0.4,
    }
    assert missed(compared) == []
    slow = {**FEW, "text_playbook": {"delta_of_3_ms": 4.9}, "langgraph_store": {"failed": "no network"}}
    assert compare(slow, MANY)["recall_against_in_memory_store"] is None
    assert missed(compare(slow, {**MANY, "numpy_scan": {"recall_8_ms": 0.9}})) == [
        "delta_against_text_playbook",
        "recall_at_many_against_fastest_bare",
    ]
    assert missed({**compared, "open_and_recall_seconds": 1.0}) == ["open_and_recall_seconds"]
