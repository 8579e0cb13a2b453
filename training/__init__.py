"""From trajectories to LoRA adapters (needs the extra ``[train]``)."""
