"""The HTTP door: one module a capability. Knows the live engine only by its public face."""
