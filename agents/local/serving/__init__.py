"""A local model behind OpenAI's protocol, as vLLM speaks it: chat, token ids, and adapters loaded at run time."""
