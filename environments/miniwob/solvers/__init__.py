"""Scripted solvers, one function a page, in files by family: ``click_button`` solves ``click-button``.

They look at the page itself, where need be beyond what an agent sees: they are for checks and privileged teachers only.
"""
