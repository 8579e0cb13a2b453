"""One model scheme a file: ``<scheme>.py`` has a function ``<scheme>(name, options)`` that makes a LangChain chat model."""
