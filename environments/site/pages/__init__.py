"""How the three sites look: one file of routes a site, and a template a page."""
