"""Processes, devices, files and errors; nothing here knows words or networks."""
