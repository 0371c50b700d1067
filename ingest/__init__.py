"""Every door through which media enters."""
