"""A suite in another process: what goes over the wire, the server of ``knowhow serve-suite``, and its client."""
