"""Messages a second, ready for the wire, against rendering every reader's mail with jinja2.

    python benchmarks/render.py [--seconds 5]

CPU time of this process; the ratio is what counts, machines differ. Target: 40.
"""

import argparse
import sys
import time
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from editions import NEWSLETTER, THEMES, many  # noqa: E402

from digest.message import Personal, choose, compile_message, message_id  # noqa: E402
from digest.render import make_renderer  # noqa: E402
from digest.render.environment import Slots, run  # noqa: E402
from digest.render.wording import load_wording  # noqa: E402

TARGET = 40
ITEMS = 10


def reader(n: int) -> Personal:
    return Personal(
        address=f"reader{n}@example.net",
        name=f"读者{n}",
        message_id=message_id(b"secret", 1, n, "example.org"),
        unsubscribe_url=f"https://digest.example.org/unsubscribe/{n:040x}",
        preferences_url=f"https://digest.example.org/preferences/{n:040x}",
    )


def rate(step: Callable[[int], object], seconds: float) -> float:
    """Calls a second of CPU, the median of five equal stretches."""
    rates, n = [], 0
    for _ in range(5):
        begun, first = time.process_time(), n
        while time.process_time() - begun < seconds / 5:
            step(n)
            n += 1
        rates.append((n - first) / (time.process_time() - begun))
    return median(rates)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seconds", type=float, default=5.0)
    options = arguments.parse_args()
    edition = many(ITEMS)
    renderer = make_renderer(NEWSLETTER, themes=THEMES)
    parts = renderer.mail(edition, language="zh-CN")
    begun = time.process_time()
    template = compile_message(parts, NEWSLETTER, edition=1, schedule="weekly", date=edition.made_at)
    size = len(template.fill(reader(0)))
    compiled = time.process_time() - begun

    readers = [reader(n) for n in range(1000)]
    words = load_wording("zh-CN")
    values = renderer._values(edition, words, edition.sections, parts.subject)
    values |= {
        "preheader": edition.preheader,
        "chosen": "",
        "frequency": "",
        "personal": Slots,
        "jump": None,
        "subscribed": True,
    }

    def jinja(n: int) -> str:
        return run(renderer.mail_templates, "mail.html", **values)

    def plain_path(n: int) -> bytes:
        known = frozenset({"name", "unsubscribe_url", "preferences_url"})
        message = EmailMessage()
        message["Subject"] = parts.subject
        message.set_content(choose(parts.text, known), cte="base64")
        message.add_alternative(choose(jinja(n), known), subtype="html", cte="base64")
        return message.as_bytes()

    result = {
        "message_bytes": size,
        "items": ITEMS,
        "compile_ms": round(compiled * 1e3, 1),
        "compiled_per_s": round(rate(lambda n: template.fill(readers[n % 1000]), options.seconds)),
        "jinja2_html_per_s": round(rate(jinja, options.seconds)),
        "jinja2_and_email_per_s": round(rate(plain_path, options.seconds)),
    }
    result["ratio_to_jinja2"] = round(result["compiled_per_s"] / result["jinja2_html_per_s"], 1)
    both = result["compiled_per_s"] / result["jinja2_and_email_per_s"]
    result |= {"ratio_to_jinja2_and_email": round(both, 1), "target": TARGET}
    print("\n".join(f"{key:28}{value}" for key, value in result.items()))
    sys.exit(result["ratio_to_jinja2"] < TARGET)


if __name__ == "__main__":
    main()
