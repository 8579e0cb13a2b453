"""Embedders: the same everywhere, near for what means the same, found by name."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from knowhow.environments.errors import BadSetting, UnknownName
from knowhow.memory.embed import Remembering, load_embedder

HASHING = load_embedder("hashing")
HERE = Path(__file__).parent


@given(st.lists(st.text(), max_size=5))
def test_every_vector_has_length_one_or_is_zero_for_a_text_with_nothing_in_it(texts: list[str]) -> None:
    vectors = HASHING(texts)
    assert vectors.shape == (len(texts), 512) and vectors.dtype == np.float32
    for text, length in zip(texts, np.linalg.norm(vectors, axis=1), strict=True):
        assert length == pytest.approx(1, abs=1e-5) or (length == 0 and not any(map(str.isalnum, text)))


def test_the_offline_embedder_says_the_same_in_every_process() -> None:
    code = (
        "import conftest, sys; from knowhow.memory.embed import load_embedder as load\n"
        "sys.stdout.buffer.write(load('hashing')([sys.argv[1]]).tobytes())"
    )
    text = "Öffne den Kühlschrank 1 first."
    run = [
        subprocess.run(
            [sys.executable, "-c", code, text],
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=HERE,
            check=True,
            capture_output=True,
        ).stdout
        for seed in "12"
    ]
    assert run[0] == run[1] and np.allclose(np.frombuffer(run[0], np.float32), HASHING([text])[0], atol=1e-6)


PARAPHRASES = [
    ("Look in the fridge before you search the drawers.", "Check the fridge first, then search the drawers."),
    ("Open a closed receptacle before taking an object.", "Closed receptacles must be opened first to take objects."),
    ("Clean the object at the sinkbasin, then put it away.", "To clean objects, go to the sinkbasin and clean there."),
    ("To heat an object, use the microwave.", "Use the microwave for heating objects."),
    ("Do not search a shelf twice.", "Never search the same shelves two times."),
    ("The history of Rome is long and complicated.", "Rome has a complicated, long history."),
]


def test_a_paraphrase_is_nearer_than_any_other_sentence() -> None:
    left, right = (HASHING(texts) for texts in zip(*PARAPHRASES, strict=True))
    similar = left @ right.T
    assert (similar.argmax(axis=1) == np.arange(len(PARAPHRASES))).all()
    assert (similar.argmax(axis=0) == np.arange(len(PARAPHRASES))).all()
    assert similar.diagonal().min() > 0.25


def test_case_spacing_and_punctuation_hardly_matter_and_one_word_more_little() -> None:
    plain, loud, longer, other = HASHING(
        ["open the fridge first", "OPEN  the fridge, first!", "always open the fridge first", "sell the car tomorrow"]
    )
    assert plain @ loud == pytest.approx(1, abs=1e-5)
    assert 0.75 < plain @ longer < 1
    assert plain @ other < 0.3


def test_embedders_are_found_by_name_with_their_argument(tmp_path: Path) -> None:
    assert load_embedder("hashing:64")(["a word"]).shape == (1, 64)
    assert len({load_embedder(name).name for name in ("hashing", "hashing:64")}) == 2
    with pytest.raises(UnknownName, match="did you mean hashing"):
        load_embedder("hashin")
    with pytest.raises(BadSetting, match="hashing:few"):
        load_embedder("hashing:few")
    with pytest.raises(BadSetting, match="sentence_transformers:PATH"):
        load_embedder("sentence_transformers")
    own = tmp_path / "own.py"
    own.write_text("from knowhow.memory.embedders.hashing import Hashing\ndef mine(argument): return Hashing(32)\n")
    assert load_embedder(f"{own}:mine")(["a"]).shape == (1, 32)


def test_sentence_transformers_says_which_extra_it_needs() -> None:
    code = (
        "import conftest, sys; sys.modules['sentence_transformers'] = None\n"
        "from knowhow.memory.embed import load_embedder as load\n"
        "from knowhow.environments.errors import MissingExtra\n"
        "try: load('sentence_transformers:x')\nexcept MissingExtra as error: print(error)"
    )
    said = subprocess.run([sys.executable, "-c", code], cwd=HERE, check=True, capture_output=True, text=True).stdout
    assert "knowhow-agents[embed]" in said


def test_a_sentence_transformers_model_gives_vectors_of_length_one(tmp_path: Path) -> None:
    """A tiny model with random weights, made here: what is tested is the way through the library, not its quality."""
    pytest.importorskip("sentence_transformers")
    transformers, tokenizers = pytest.importorskip("transformers"), pytest.importorskip("tokenizers")
    words = {word: number for number, word in enumerate(["[PAD]", "[UNK]", "open", "the", "fridge", "door"])}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    model = tmp_path / "model"
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", model_max_length=32
    ).save_pretrained(model)
    transformers.BertModel(
        transformers.BertConfig(
            vocab_size=len(words),
            hidden_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=16,
            max_position_embeddings=32,
        )
    ).save_pretrained(model)
    embed = load_embedder(f"sentence_transformers:{model}")
    vectors = embed(["open the fridge", "the door"])
    assert vectors.shape == (2, 16) and np.linalg.norm(vectors, axis=1) == pytest.approx([1, 1], abs=1e-4)
    assert embed([]).shape == (0, 16)
    with pytest.raises(BadSetting, match="nowhere"):
        load_embedder(f"sentence_transformers:{tmp_path / 'nowhere'}")


class Counting:
    """An embedder that keeps what it was asked."""

    def __init__(self) -> None:
        self.name, self.asked = "counting", list[str]()

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.asked += texts
        return HASHING(texts)


def test_a_text_embedded_lately_is_not_embedded_again() -> None:
    counting = Counting()
    embed = Remembering(counting, size=3)
    assert np.array_equal(embed(["b", "a", "b"]), HASHING(["b", "a", "b"]))
    assert np.array_equal(embed(["a", "c"]), HASHING(["a", "c"]))
    assert counting.asked == ["b", "a", "c"]
    embed(["d", "a"])
    embed(["a", "b"])
    assert counting.asked == ["b", "a", "c", "d", "b"]
    assert embed([]).shape == (0, 512)
