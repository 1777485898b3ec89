"""Stores that earlier versions of the relay wrote, kept as files, and the story that each was told."""
