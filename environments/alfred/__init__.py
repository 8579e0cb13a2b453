"""ALFWorld's engine and the games for it: generated from the layouts of the package, or the official ones."""
