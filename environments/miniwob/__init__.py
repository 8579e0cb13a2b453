"""MiniWoB++: its pages, what they ask for, and scripted solvers for many of them."""
