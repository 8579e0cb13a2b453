"""How an answer is graded, one way a file, found by its file name.

A grading is made with its settings and then called with the question, whose ``answer`` is the right one, and the answer
given; it returns the reward in [0, 1]. It may be an ``async def``.
"""
