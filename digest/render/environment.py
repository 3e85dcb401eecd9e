"""Jinja2 set up for mail: escaping everywhere, links filtered, style sheets inlined once per template."""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jinja2
from jinja2.ext import Extension
from markupsafe import Markup

import digest
from digest.errors import RenderError
from digest.model import SLOT_CLOSE, SLOT_OPEN
from digest.render.typeset import clean, safe_url

_JINJA = re.compile(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)
_MARKUP = re.compile(r"(<!--.*?-->|<style\b.*?</style>|<[a-zA-Z/!][^>]*>)", re.DOTALL | re.IGNORECASE)
_MARKER = re.compile(r'<!--jj(\d+)jj-->|jj(\d+)jj(?:="")?')
_OWN_PLACE = re.compile(r"#[\w.-]+|/(?![/\\])[\x21\x23-\x3b\x3d\x3f-\x7e]*|editions/\d+")
_TOKEN_VALUE = re.compile(r"[\w#%.,'()/ -]*")


def shipped_templates() -> Path:
    """Beside the package in a checkout, inside it in an installed wheel."""
    package = Path(digest.__file__).parent
    inside = package / "_templates"
    return inside if inside.is_dir() else package.parent / "templates"


def design_tokens(changed: Mapping[str, str]) -> Mapping[str, str]:
    """The shipped colours, faces and sizes with *changed* ones put over them.

    Raises:
        RenderError: A token that does not exist, or a value that is more than one CSS value.
    """
    tokens: dict[str, str] = tomllib.loads((shipped_templates() / "tokens.toml").read_text("utf-8"))
    for name, value in changed.items():
        if name not in tokens:
            raise RenderError(f"design token {name!r} does not exist; there are: {', '.join(tokens)}")
        if not _TOKEN_VALUE.fullmatch(value):
            raise RenderError(f"design token {name!r}: {value!r} is not one CSS value")
    return {**tokens, **changed}


class Slot(Markup):
    """A reader's own value, put in by ``message`` when the mail is due."""

    def __new__(cls, name: str) -> "Slot":
        return super().__new__(cls, f"{SLOT_OPEN}{name}{SLOT_CLOSE}")


Slots = SimpleNamespace(
    name=Slot("name"),
    unsubscribe_url=Slot("unsubscribe_url"),
    preferences_url=Slot("preferences_url"),
    if_any=lambda name: Slot(f"+{name}"),
    end=Slot("/"),
)
"""What templates know as ``personal``."""


def _url(value: str) -> str:
    """For every ``href`` and ``src``: http, https, mailto, a place in this page or site; else none."""
    if isinstance(value, Slot) or _OWN_PLACE.fullmatch(value):
        return value
    return safe_url(value) or ""


def _finalize(value: Any) -> Any:
    return clean(value) if type(value) is str else value


class _Inline(Extension):
    """Puts ``mail.css`` into the style attributes of each template as it is loaded.

    Statements stand in the HTML as comments meanwhile, so that a parser cannot move them; therefore
    tables in templates need their ``<tbody>`` written out (it is taken out again), and no file starts with
    a row.
    """

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        if not (name or "").endswith(".html"):
            return source
        import css_inline

        pieces: list[str] = []

        def hide(found: re.Match[str]) -> str:
            pieces.append(found.group())
            return f"jj{len(pieces) - 1}jj"

        parts = _MARKUP.split(_JINJA.sub(hide, source))
        html = "".join(
            part if i % 2 else re.sub(r"jj\d+jj", r"<!--\g<0>-->", part) for i, part in enumerate(parts)
        )
        inliner = css_inline.CSSInliner(
            inline_style_tags=False, keep_style_tags=True, load_remote_stylesheets=False, extra_css=self._css
        )
        inlined = inliner.inline(html) if "<html" in html else inliner.inline_fragment(html, self._css)
        inlined = re.sub(r'style="[^"]*"', lambda m: m[0].replace(": ", ":").replace(';"', '"'), inlined)
        inlined = re.sub("</?tbody>", "", re.sub(r' class="([^"]*)"', self._hooks, inlined))
        return _MARKER.sub(lambda m: pieces[int(m.group(1) or m.group(2))], inlined)

    @property
    def _css(self) -> str:
        return str(self.environment.globals["stylesheet"])

    def _hooks(self, found: re.Match[str]) -> str:
        """Only the classes the style sheet for dark and small screens asks for, and what Python looks for."""
        used = re.findall(r"\.([a-z]\w*)", str(self.environment.globals["extras"]))
        kept = [name for name in found[1].split() if name in ("pre", "src", *used)]
        return f' class="{" ".join(kept)}"' if kept else ""


def make_environment(
    folders: Sequence[Path], tokens: Mapping[str, str], *, inline: bool
) -> jinja2.Environment:
    """An environment over *folders* (first wins), then the shipped templates.

    Args:
        inline: For mail; pages take the same templates with ``stylesheet`` in their head.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([*folders, shipped_templates()]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
        auto_reload=False,
        extensions=[_Inline] if inline else [],
    )
    environment.filters["url"] = _url
    environment.globals["t"] = {key: Markup(value) for key, value in tokens.items()}  # noqa: S704  checked above
    names = ("mail.css",) if inline else ("mail.css", "page.css")
    environment.globals["stylesheet"] = Markup("".join(_css(environment, name) for name in names))  # noqa: S704
    environment.globals["extras"] = Markup(_css(environment, "mail-extras.css"))  # noqa: S704
    return environment


def compile_own(environment: jinja2.Environment, folders: Sequence[Path]) -> None:
    """Compile every template of *folders*, so that a mistake in one is known before a page or mail needs it.

    Raises:
        RenderError: Naming template and line.
    """
    for folder in folders:
        for path in sorted(folder.rglob("*.html")):
            name = path.relative_to(folder).as_posix()
            with _named(name):
                environment.get_template(name)


def _css(environment: jinja2.Environment, name: str) -> str:
    text = run(environment, name)
    return re.sub(r"\s*\n\s*", "", re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL))


def run(environment: jinja2.Environment, name: str, /, **values: object) -> str:
    """The template rendered with *values*.

    Raises:
        RenderError: Naming template and line.
    """
    with _named(name):
        return environment.get_template(name).render(values)


@contextmanager
def _named(name: str) -> Iterator[None]:
    """What jinja2 raises, told with template and line."""
    try:
        yield
    except jinja2.TemplateSyntaxError as error:
        raise RenderError(f"template {error.name or name}, line {error.lineno}: {error.message}") from error
    except jinja2.TemplateNotFound as error:
        raise RenderError(f"template {error.name} does not exist") from error
    except jinja2.TemplateError as error:
        raise RenderError(f"template {name}: {error.message}") from error
