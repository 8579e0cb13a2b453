"""How requests are said again: sessions, wordings, the chain over them, the belief in a rewrite."""
