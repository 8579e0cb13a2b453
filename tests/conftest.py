"""Lets the tests run from a bare checkout: where ``knowhow`` is not installed, the repository root stands in for it.

And lets them try Ctrl-C where it is ignored, as in what a shell runs in the background: their processes inherit that.
Nothing fails for being slow: how long an example takes tells of the machine.
"""

import importlib.util
import signal
import sys
import types
from pathlib import Path

import hypothesis

hypothesis.settings.register_profile("calm", deadline=None)
hypothesis.settings.load_profile("calm")
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

if importlib.util.find_spec("knowhow") is None:
    package = types.ModuleType("knowhow")
    package.__path__ = [str(Path(__file__).resolve().parents[1])]
    sys.modules["knowhow"] = package
