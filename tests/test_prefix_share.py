"""The bench of prefix caches: what two prompts have in common from their beginning on, and nothing else."""

from __future__ import annotations

from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

from knowhow.agents.compose import methods
from knowhow.agents.types import Turn
from knowhow.environments.text_world import ACT
from knowhow.evals.benches.prefix_share import WANTED, common, noting, serialised, share


def test_only_the_beginning_that_the_prompt_before_had_counts() -> None:
    assert common(["abcd", "abcdef", "abXdef"]) == (4 + 2, 6 + 6)
    assert common(["abcd"]) == (0, 0)
    assert common(["xabc", "abcx"]) == (0, 4)  # the same words in another place are no prefix
    assert common(["abcdefgh", "abcdefgX"], block=4) == (4, 8)


def test_an_episode_of_one_call_says_nothing_and_no_prompt_is_compared_across_episodes() -> None:
    assert share([["aa"], ["aa"]]) is None
    assert share([["aa", "aabb"], ["cc", "ccdd"]]) == 0.5
    assert share([["aa", "aabb"], ["cc"]]) == 0.5


def test_a_changed_system_prompt_or_tool_leaves_nothing_in_common() -> None:
    def turn(system: str, *more: str) -> Turn:
        return Turn((SystemMessage(system), *map(HumanMessage, more)), (ACT,))

    playbook = "# Playbook\n" + "look first\n" * 50
    goes_on = share([[serialised(turn(playbook, "a")), serialised(turn(playbook, "a", "b"))]])
    assert goes_on is not None and goes_on > 0.9
    moved = share([[serialised(turn(playbook, "a")), serialised(turn(f"Step 2. {playbook}", "a", "b"))]])
    without = share([[serialised(turn(playbook)), serialised(Turn(turn(playbook).messages))]])
    assert moved is not None and moved < 0.5
    assert without is not None and without < 0.1


async def test_a_critique_keeps_the_prompt_that_it_criticises() -> None:
    prompts: list[str] = []

    async def say(turn: Turn) -> AIMessage:
        return AIMessage("Hm." if turn.calls else "STOP", tool_calls=[])

    decide = methods(noting(say, prompts), "self_refine")
    await decide(Turn((SystemMessage("look first " * 100), HumanMessage("A task.")), (ACT,)))
    kept = share([prompts])
    assert len(prompts) == 2 and kept is not None and kept > WANTED - 0.15
