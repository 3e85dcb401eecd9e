"""Feeds to entries: RSS, RDF and Atom through feedparser, JSON Feed directly."""

from .feed import parse as parse
from .parsed import ParsedFeed as ParsedFeed
