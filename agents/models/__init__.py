"""One model scheme a file: ``<scheme>.py`` has a function ``<scheme>(name, options)`` that makes a chat model.

``name`` is what a URI says after ``scheme:``, ``options`` what it says after ``?``. The chat model is LangChain's kind.
It sends one request a call (retries and time-outs are the caller's) and takes ``seed`` and ``temperature`` as arguments
of a call. It may have ``aclose``, where its connections belong to one event loop, and ``price`` (``agents/prices.py``;
None where it is unknown); without a ``price``, a model that needs no secret is free.
"""
