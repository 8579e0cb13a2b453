"""A bare NumPy scan: one matrix product over all vectors, and the best of it. No filter, no ids, nothing kept."""

from __future__ import annotations

from typing import Any

from knowhow.evals.benches.beside.measuring import NEAREST, Given, main, milliseconds


def run(given: Given) -> dict[str, Any]:
    import numpy as np

    vectors = given.vectors[: given.count].copy()

    def nearest(query: Any) -> Any:
        cosines = vectors @ query
        best = np.argpartition(cosines, -NEAREST)[-NEAREST:]
        return best[np.argsort(-cosines[best])]

    return {"recall_8_ms": milliseconds(nearest, list(given.vectors[given.count : given.count + len(given.queries)]))}


if __name__ == "__main__":
    main(run, "numpy")
