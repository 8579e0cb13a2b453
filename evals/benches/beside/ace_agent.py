"""ace-framework: its Agent answers an observation at a time; what was played is learned from by replay, and saved."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from knowhow.evals.benches.beside.asking import KEY, MODEL, Asked, Episode, main


def run(asked: Asked) -> dict[str, Any]:
    ace: Any = import_module("ace")
    client = ace.LiteLLMClient(model=f"openai/{MODEL}", api_base=asked.url, api_key=KEY)
    skillbook, agent = ace.Skillbook(), ace.Agent(client)
    reflector, manager = ace.Reflector(client), ace.SkillManager(client)
    feedback = ace.EnvironmentResult("The task was not achieved.", None)
    judged = type("Judged", (ace.TaskEnvironment,), {"evaluate": lambda self, sample, output: feedback})()

    def steps(episode: Episode) -> None:
        for seen in episode.observed[: asked.steps]:
            agent.generate(question=seen, context=episode.goal, skillbook=skillbook)

    def update(episode: Episode) -> None:
        known = len(skillbook.skills())
        sample = ace.Sample(episode.goal, metadata={"response": episode.text})
        trained = ace.OfflineACE(
            skillbook=skillbook, agent=ace.ReplayAgent(), reflector=reflector, skill_manager=manager
        )
        trained.run([sample], judged, epochs=1)
        skillbook.save_to_file(str(asked.folder / "skillbook.json"))
        if len(skillbook.skills()) == known:
            raise SystemExit("ace learned nothing")

    return {
        "update": asked.timed(update, asked.episodes),
        "step": asked.timed(steps, asked.episodes[:4], asked.steps),
        "settings": "LiteLLMClient, default prompts; OfflineACE over a ReplayAgent, one epoch; the skillbook saved",
    }


if __name__ == "__main__":
    main(run, "ace-framework", "litellm")
