"""A real language model of a few ten thousand parameters with random weights, its tokenizer, and adapters for it.

tiny_model(folder)                      # a Qwen3 with ChatML and tools, as transformers saves it
tiny_adapter(folder, base, seed=1)      # a LoRA that changes what the base says
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

STEPS = 150
SEEN = 12
END = "<|im_end|>"
SPECIAL = ["<|endoftext|>", "<|im_start|>", END]
TAGS = ["<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>"]
LINES = [
    "You act in an environment, one tool call a turn, until the task is done or the steps run out.",
    "Put a clean mug on the desk. You are in the middle of a room. Looking around, you see a fridge 1 and a shelf 2.",
    "go to fridge 1, open fridge 1, take mug 1 from shelf 2, put mug 1 on desk 1, look, inventory",
    '{"name": "act", "arguments": {"command": "look"}} {"type": "function", "function": {"description": ""}}',
    "system user assistant tool # Tools You may call one or more functions to assist with the user query.",
]
# After Qwen3's (https://huggingface.co/Qwen/Qwen3-0.6B, Apache-2.0), without its thoughts.
TEMPLATE = """\
{%- if tools %}
    {{- '<|im_start|>system\\n' }}
    {%- if messages[0].role == 'system' %}{{- messages[0].content + '\\n\\n' }}{%- endif %}
    {{- '# Tools\\n<tools>' }}
    {%- for tool in tools %}{{- '\\n' }}{{- tool | tojson }}{%- endfor %}
    {{- '\\n</tools><|im_end|>\\n' }}
{%- elif messages[0].role == 'system' %}
    {{- '<|im_start|>system\\n' + messages[0].content + '<|im_end|>\\n' }}
{%- endif %}
{%- for message in messages %}
    {%- if message.role == 'user' or (message.role == 'system' and not loop.first) %}
        {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}
    {%- elif message.role == 'assistant' %}
        {{- '<|im_start|>assistant\\n' }}
        {%- generation %}
        {{- message.content }}
        {%- for call in message.tool_calls or [] %}
            {%- if not loop.first or message.content %}{{- '\\n' }}{%- endif %}
            {{- '<tool_call>\\n{"name": "' + call.function.name + '", "arguments": ' }}
            {{- call.function.arguments if call.function.arguments is string else call.function.arguments | tojson }}
            {{- '}\\n</tool_call>' }}
        {%- endfor %}
        {{- '<|im_end|>\\n' }}
        {%- endgeneration %}
    {%- elif message.role == 'tool' %}
        {{- '<|im_start|>user\\n<tool_response>\\n' + message.content + '\\n</tool_response><|im_end|>\\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}
"""


def tiny_model(folder: Path, *, seed: int = 0, window: int = 4096, hidden: int = 32, seen: int = 0) -> Path:
    """Weights so large that its replies differ from prompt to prompt. ``seen``: how many tokens back a layer
    looks, 0 for all."""
    import torch
    from transformers import Qwen3Config, Qwen3ForCausalLM

    torch.set_num_threads(1)
    tokenizer = _tokenizer()
    torch.manual_seed(seed)
    config = Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=hidden,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=16,
        max_position_embeddings=window,
        tie_word_embeddings=False,
        use_sliding_window=seen > 0,
        sliding_window=seen or None,
        max_window_layers=0,
        initializer_range=0.3,
        eos_token_id=tokenizer.convert_tokens_to_ids(END),
        bos_token_id=None,
        pad_token_id=0,
    )
    Qwen3ForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def tiny_adapter(folder: Path, base: Path, *, seed: int, config: Any = None, **settings: Any) -> Path:
    """An adapter that changes what the base says: a LoRA with random weights in both halves, or as configured."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(seed)
    config = config or LoraConfig(r=4, lora_alpha=8, target_modules=["q_proj", "v_proj", "down_proj"], **settings)
    model = get_peft_model(AutoModelForCausalLM.from_pretrained(base), config)
    for name, weights in model.named_parameters():
        if "lora_B" in name or "ia3" in name:
            torch.nn.init.normal_(weights, std=0.3)
    model.save_pretrained(str(folder))
    return folder


def taught(folder: Path, base: Path, reply: Sequence[int]) -> Path:
    """The base, made to answer whatever it is asked with the same tokens; its layers look back at ``SEEN`` tokens."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.manual_seed(0)
    tokenizer, model = AutoTokenizer.from_pretrained(base), AutoModelForCausalLM.from_pretrained(base)
    before = tokenizer.encode(f"{END}\n<|im_start|>assistant\n")
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    for _ in range(STEPS):
        noise = torch.randint(3, len(tokenizer), (8, SEEN)).tolist()
        ids = torch.tensor([[*some, *before, *reply] for some in noise])
        labels = ids.clone()
        labels[:, : SEEN + len(before)] = -100
        model(input_ids=ids, labels=labels).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def alone(base: Path, *adapters: Path) -> dict[str, Any]:
    """The base under an empty name, and each adapter on a base of its own, by transformers and PEFT alone."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    models: dict[str, Any] = {"": AutoModelForCausalLM.from_pretrained(base)}
    for path in adapters:
        models[path.name] = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), path)
    for model in models.values():
        model.eval()
    return models


def greedy(model: Any, prompt: Sequence[int], count: int = 8) -> tuple[list[int], list[float]]:
    """Every token from the whole prompt again: no cache, no batch."""
    import torch

    ids, logprobs = list(prompt), []
    with torch.inference_mode():
        for _ in range(count):
            told = model(input_ids=torch.tensor([ids])).logits[0, -1].log_softmax(-1)
            ids.append(int(told.argmax()))
            logprobs.append(float(told[ids[-1]]))
    return ids[len(prompt) :], logprobs


def _tokenizer() -> Any:
    import transformers
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    made.train_from_iterator(
        LINES, trainers.BpeTrainer(vocab_size=420, special_tokens=SPECIAL, initial_alphabet=alphabet)
    )
    made.add_tokens(TAGS)
    wrapped: Any = transformers.PreTrainedTokenizerFast
    return wrapped(
        tokenizer_object=made,
        eos_token=END,
        pad_token=SPECIAL[0],
        chat_template=TEMPLATE,
        clean_up_tokenization_spaces=False,
    )
