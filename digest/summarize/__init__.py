"""What an article says, in its own words: exact spans that a reader understands without it."""

from digest.summarize.compose import share, summarize
from digest.summarize.extract import extract

__all__ = ["extract", "share", "summarize"]
