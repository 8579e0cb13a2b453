"""The embedded default model: offline, deterministic, no download.

It can read (prompts, commands, lessons) but knows nothing of any world: it picks among the commands that its prompt
lists, follows advice that memory put there, and reflects by looking at what made what possible. When memory breaks,
its score falls.
"""
