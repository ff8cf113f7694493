"""Training a run: the loop, one step, its losses, and what is watched."""
