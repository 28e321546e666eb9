"""Ear masks and landmarks on every frame of a clip, from one prompt on a keyframe."""

__version__ = "0.1.0"
