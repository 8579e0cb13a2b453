"""A language model in this process: one engine over transformers and PEFT for the scheme ``hf`` and the server."""
