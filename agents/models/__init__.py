"""One model scheme a file: ``<scheme>.py`` has a function ``<scheme>(name, options)`` that makes a LangChain chat model.

``name`` is what a URI says after ``scheme:``, ``options`` what it says after ``?``. The chat model sends one request a call
(retries and time-outs are the caller's) and takes ``seed`` and ``temperature`` as call arguments. Two attributes are
optional: ``price`` (``agents/prices.py``; None where it is unknown; without the attribute, a model that needs no secret is
free) and ``aclose``.
"""
