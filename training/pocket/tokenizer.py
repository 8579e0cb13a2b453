"""The pocket model's tokenizer: byte-level BPE trained on its own transcripts, with a chat template that has tools."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

END_OF_TEXT, START, END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
CALL, CALL_END = "<tool_call>", "</tool_call>"
TEMPLATE = Path(__file__).with_name("chat_template.jinja")

WORDS = r"\n- [a-z]+( to)?|\n|[ \"][A-Za-z]+| ?\d"
"""What is one piece before merging: how a line of a list begins, a line break, a word, also where it begins a string,
a digit. Lists of commands fill most of an episode, and this takes a fifth off its tokens."""


def train_tokenizer(texts: Iterable[str], vocabulary: int = 2048) -> Any:
    """A transformers tokenizer of at most so many tokens; every string can be written in it, byte by byte at worst."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(WORDS), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[END_OF_TEXT, START, END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    made = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token=END, pad_token=END_OF_TEXT, padding_side="left", model_max_length=16_384
    )
    made.add_tokens([CALL, CALL_END])  # after the training, so that they stay text that a decoded reply shows
    made.chat_template = TEMPLATE.read_text(encoding="utf-8")
    return made
