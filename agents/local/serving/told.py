"""Replies in OpenAI's words: chat completions, their log-probabilities and what they cost."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from knowhow.agents.local.chat import Reply
from knowhow.agents.local.serving.asked import Asked
from knowhow.agents.local.types import Token


def completion(id: str, asked: Asked, replies: Sequence[Reply], tokenizer: Any) -> dict[str, Any]:
    """A ``chat.completion``; with the token ids where they are asked for, as vLLM tells them."""
    told = header(id, asked, "chat.completion")
    told["choices"] = [_choice(number, reply, asked, tokenizer) for number, reply in enumerate(replies)]
    told["usage"] = usage(replies)
    if asked.token_ids:
        told["prompt_token_ids"] = list(replies[0].generated.prompt)
    return told


def header(id: str, asked: Asked, kind: str) -> dict[str, Any]:
    return {"id": id, "object": kind, "created": int(time.time()), "model": asked.model}


def usage(replies: Sequence[Reply]) -> dict[str, Any]:
    """The prompt counts once, however many replies it got."""
    prompt = len(replies[0].generated.prompt)
    made = sum(len(reply.generated.tokens) for reply in replies)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": made,
        "total_tokens": prompt + made,
        "prompt_tokens_details": {"cached_tokens": replies[0].generated.cached},
    }


def finish_reason(reply: Reply) -> str:
    return "tool_calls" if reply.calls and reply.generated.finish == "stop" else reply.generated.finish


def logprobs(tokens: Sequence[Token], tokenizer: Any) -> dict[str, Any]:
    return {
        "content": [
            {
                **_token(token.id, token.logprob, tokenizer),
                "top_logprobs": [_token(id, logprob, tokenizer) for id, logprob in token.alternatives.items()],
            }
            for token in tokens
        ]
    }


def _token(id: int, logprob: float, tokenizer: Any) -> dict[str, Any]:
    text = tokenizer.decode([id])
    return {"token": text, "logprob": logprob, "bytes": list(text.encode())}


def _choice(number: int, reply: Reply, asked: Asked, tokenizer: Any) -> dict[str, Any]:
    message = {**reply.message, "content": reply.content or None}
    told: dict[str, Any] = {"index": number, "message": message, "finish_reason": finish_reason(reply)}
    told["logprobs"] = logprobs(reply.generated.tokens, tokenizer) if asked.logprobs else None
    if asked.token_ids:
        told["token_ids"] = list(reply.generated.ids)
    return told
