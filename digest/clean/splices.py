"""Names a site splices into other people's sentences, found by comparing the body with its surroundings.

A page built to be found for its brand repeats it in header, footer and title, and pushes it between the words
of a copied article. An article that is really about its publisher mentions the name as a subject or
object; spliced names stand in front of punctuation, where no grammar wants them.
"""

import re
from collections import Counter
from collections.abc import Sequence

from digest.text import CJK

_NAME = re.compile(rf"[{CJK}]{{2,}}|[A-Za-z][\w.-]{{2,}}")
_PAUSE = re.compile("[，,。.、；;：:！!？?”’」』）)]|$")
_MIN_TITLE = 12
"""Shorter titles may be quoted in a sentence for good reason."""
_QUOTE_BEFORE = re.compile(r"[《“「『\"‘'〈]\s?$")

Removal = tuple[int, int]
"""start, end in the text searched."""


def brand(header: Sequence[str], footer: Sequence[str]) -> str | None:
    """The name that header and footer share: 3 to 10 Chinese characters, in the most lines; None if none."""
    above, below = _names(header), _names(footer)
    shared = {name: above[name] + below[name] for name in above if name in below}
    if not shared:
        return None
    most = max(shared.values())
    return max((name for name, n in shared.items() if n >= max(3, most)), key=len, default=None)


def _names(lines: Sequence[str]) -> Counter[str]:
    """In how many lines each string of 3 to 10 characters begins or ends a run of Chinese characters."""
    found: Counter[str] = Counter()
    for line in lines:
        here: set[str] = set()
        for run in re.findall(rf"[{CJK}]+", line[:300]):
            for size in range(3, min(10, len(run)) + 1):
                here.add(run[:size])
                here.add(run[-size:])
        found.update(here)
    return found


def is_spliced(name: str, body: str) -> bool:
    """Whether *name* stands mostly where a pause follows and no quotation mark opens: three times or more."""
    places = [match.end() for match in re.finditer(re.escape(name), body)]
    paused = sum(1 for at in places if _PAUSE.match(body, at))
    return len(places) >= 3 and paused >= len(places) * 0.6


def title_removals(paragraph: str, title: str, name: str | None) -> tuple[Removal, ...]:
    """Where the page's title stands inside a sentence that has no place for it.

    News repeats its title in its first sentence for good reason. Spliced is what carries the site's name,
    or has marks of its own and a pause behind it, and is not quoted.
    """
    forms = [name + title] if name else []
    if re.search("[:：,，|!！?？ ]", title[1:-1]):
        forms.append(title)
    for form in forms:
        found = tuple(
            (at.start(), at.end())
            for at in (re.finditer(re.escape(form), paragraph) if form in paragraph else ())
            if len(form) >= _MIN_TITLE
            and _PAUSE.match(paragraph, at.end())
            and not _PAUSE.match(paragraph[max(0, at.start() - 1) : at.start()] or "。")
            and len(paragraph) > len(form) * 1.5
            and not _QUOTE_BEFORE.search(paragraph[max(0, at.start() - 3) : at.start()])
        )
        if found:
            return found
    return ()


def name_removals(paragraph: str, name: str) -> tuple[Removal, ...]:
    places = re.finditer(re.escape(name), paragraph) if name in paragraph else ()
    return tuple((at.start(), at.end()) for at in places)


def cut_out(paragraph: str, removals: Sequence[Removal]) -> tuple[str, tuple[tuple[int, str], ...]]:
    """The paragraph without the removals, and (offset in it, words removed) for each; overlaps count once."""
    kept: list[str] = []
    cuts: list[tuple[int, str]] = []
    at = length = 0
    for start, end in sorted(removals, key=lambda place: (place[0], -place[1])):
        if start < at:
            continue
        kept.append(paragraph[at:start])
        length += start - at
        cuts.append((length, paragraph[start:end]))
        at = end
    kept.append(paragraph[at:])
    return "".join(kept), tuple(cuts)
