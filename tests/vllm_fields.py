"""The fields of vLLM's request models, by name: what a server of vLLM knows how to read, and what it answers.

Names alone, from https://github.com/vllm-project/vllm (Apache-2.0):
``vllm/entrypoints/openai/chat_completion/protocol.py`` (``ChatCompletionRequest``, ``ChatCompletionResponse`` and
``ChatCompletionResponseChoice``) at 002032ee2b18e1f7bd924ec47b62504ba3866063, and
``vllm/entrypoints/openai/models/serving.py`` (what is read of ``LoadLoRAAdapterRequest`` and
``UnloadLoRAAdapterRequest``) at 00153c8b7948077ebdfc5bfa14e403da41aaea6d.
"""


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


CHAT = _names("""
messages model frequency_penalty logit_bias logprobs top_logprobs max_tokens max_completion_tokens n presence_penalty
response_format seed stop stream stream_options temperature top_p tools tool_choice reasoning_effort
thinking_token_budget include_reasoning parallel_tool_calls user use_beam_search top_k min_p repetition_penalty
watermarking length_penalty stop_token_ids include_stop_str_in_output ignore_eos min_tokens skip_special_tokens
spaces_between_special_tokens truncate_prompt_tokens truncation_side prompt_logprobs logprob_token_ids
allowed_token_ids bad_words echo add_generation_prompt continue_final_message add_special_tokens documents
chat_template chat_template_kwargs media_io_kwargs mm_processor_kwargs structured_outputs priority request_id
session_id return_tokens_as_token_ids return_token_ids routed_experts_prompt_start return_token_offsets
return_prompt_text return_mm_kwargs cache_salt kv_transfer_params ec_transfer_params vllm_xargs repetition_detection
stream_interval
""")
LOAD = _names("lora_name lora_path load_inplace is_3d_lora_weight")
UNLOAD = _names("lora_name lora_int_id")
CHOICE = _names("index message logprobs finish_reason stop_reason token_ids routed_experts")
COMPLETION = _names("""
id object created model choices service_tier system_fingerprint usage prompt_logprobs prompt_token_ids prompt_text
kv_transfer_params ec_transfer_params metrics
""")
