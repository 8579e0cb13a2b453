"""What there is to do on the sites: a file of kinds for each site, every kind a function that draws from a world."""
