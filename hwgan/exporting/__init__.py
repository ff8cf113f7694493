"""Networks as files for other runtimes, and what those need to know beside them."""
