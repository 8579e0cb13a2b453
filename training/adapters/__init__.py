"""Kinds of adapter, for ``--adapter``: each file makes PEFT's configuration for a rank."""
