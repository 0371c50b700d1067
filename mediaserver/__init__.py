"""The program: settings, HTTP, live streams and the composition root."""
