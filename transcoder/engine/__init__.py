"""Everything that touches FFmpeg through PyAV: the only folder that imports av."""
