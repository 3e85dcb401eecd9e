"""From a page, plain text or HTML, to an Article: furniture off, metadata read, splices cut out."""

from digest.clean.page import clean_page

__all__ = ["clean_page"]
