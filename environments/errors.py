"""What can go wrong, one sentence each. Every message names the value at fault and the way out."""

from __future__ import annotations


class KnowhowError(Exception):
    """Anything that a user can mend; the command line prints it as one line."""


class UnknownName(KnowhowError, LookupError):
    """No suite, model scheme, method, search or bank has this name."""


class MissingExtra(KnowhowError, ImportError):
    """A part needs packages that are not installed; the message names the extra."""


class BadSetting(KnowhowError, ValueError):
    """A setting, a file or an argument cannot be used as it is."""


class BudgetExceeded(KnowhowError):
    """The run's budget of calls, tokens or money is used up; the next request was not sent."""


class ModelError(KnowhowError):
    """The model could not be reached, or refused, after every retry."""


class MemoryDamaged(KnowhowError):
    """A run folder is of another version, half deleted or not a run folder at all; nothing was changed."""


class Conflict(KnowhowError):
    """The journal moved on since the version that an edit was made against; read again and retry."""


class EpisodeOver(KnowhowError, RuntimeError):
    """An environment was stepped before ``reset`` or after its end."""


class EngineFailed(KnowhowError, RuntimeError):
    """The engine of an environment raised an error, or its process is gone; the episode is lost, and may go well with a
    fresh one."""
