"""Digest: themed editions of exact, attributed excerpts, mailed once to every reader."""

__version__ = "0.1.0"
