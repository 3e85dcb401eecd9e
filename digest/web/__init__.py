"""The web pages: for readers, for the operator, for machines. Starlette; everything it needs is passed in."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from digest.errors import ConsentError, StoreError, TokenError
from digest.report import overdue
from digest.signup import FORGET_AFTER
from digest.tokens import Purpose
from digest.web.archive import Archive
from digest.web.desk import Desk
from digest.web.door import Door, Limits
from digest.web.forms import Form
from digest.web.joining import Joining
from digest.web.manners import PRIVATE, Manners, Numbers
from digest.web.metrics import exposed
from digest.web.operator import Counted, Guard, OperatorPages, tally
from digest.web.personal import PersonalPages

log = logging.getLogger("digest.web")

__all__ = ["Door", "Limits", "make_app"]

TIDY_S = 60.0
"""Between two counts of deliveries, and two looks for those who never confirmed."""
SORRY = "Something went wrong on our side. Try again later."


def make_app(door: Door) -> Starlette:
    """The application, for a server that runs its lifespan.

    Serve it without an access log of the server's (ours hides tokens), and let it see the peer's address as
    it is (uvicorn: ``proxy_headers=False``): who may speak for others is ``door.operator.proxies``.
    """
    numbers, counted, guard = Numbers(), Counted(door.store), Guard(door)
    desk = Desk(door, numbers)
    joining, personal, archive = Joining(door, desk), PersonalPages(door, desk), Archive(door)
    operator = OperatorPages(door, counted)

    def tidy() -> None:
        door.store.subscribers.forget_unconfirmed(door.clock() - FORGET_AFTER)
        tally(door.store, now=door.clock())
        counted.recount(now=door.clock())

    async def keep_tidy() -> None:
        while True:
            try:
                await asyncio.to_thread(tidy)
            except StoreError as problem:
                log.warning("the readers were not counted: %s", problem)
            await asyncio.sleep(TIDY_S)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await desk.start()
        tidying = asyncio.create_task(keep_tidy())
        try:
            yield
        finally:
            tidying.cancel()
            await desk.close()

    def health(_: Request) -> Response:
        late = overdue(door.paper, now=door.clock())
        return PlainTextResponse("work is overdue\n", 503) if late else PlainTextResponse("ok\n")

    def metrics(_: Request, __: Form) -> Response:
        return PlainTextResponse(exposed(door, numbers, counted), media_type="text/plain; version=0.0.4")

    async def robots(_: Request) -> Response:
        rules = "".join(f"Disallow: {door.root}/{page}\n" for page in sorted(PRIVATE))
        return PlainTextResponse(f"User-agent: *\n{rules}")

    async def http_problem(request: Request, problem: Exception) -> Response:
        assert isinstance(problem, HTTPException)
        words = {404: "There is no such page.", 503: SORRY}
        if problem.status_code not in words:
            return PlainTextResponse(f"{problem.detail}\n", problem.status_code, problem.headers)
        page = door.problem(request, problem.status_code, words[problem.status_code])
        page.headers.update(problem.headers or {})
        return page

    async def bad_link(request: Request, problem: Exception) -> Response:
        return door.problem(request, 404, str(problem))

    async def store_problem(request: Request, problem: Exception) -> Response:
        log.error("the database refused: %s", problem)
        return door.problem(request, 503, SORRY)

    async def any_problem(request: Request, problem: Exception) -> Response:
        return door.problem(request, 500, SORRY)

    confirm, wishes, leave = "/confirm/{token}", "/preferences/{token}", "/unsubscribe/{token}"
    by_link, guarded = personal.page, guard.before
    app = Starlette(
        lifespan=lifespan,
        routes=[  # the first two come in bursts
            Route(leave, personal.unsubscribe, methods=["POST"]),
            Route("/subscribe", joining.subscribe, methods=["POST"]),
            Route("/subscribe/embed", joining.subscribe, methods=["POST"]),
            *(Route(path, joining.form, methods=["GET"]) for path in ("/", "/subscribe", "/subscribe/embed")),
            Route(confirm, by_link(Purpose.CONFIRM, personal.ask_to_confirm), methods=["GET"]),
            Route(confirm, by_link(Purpose.CONFIRM, personal.confirm), methods=["POST"]),
            Route(wishes, by_link(Purpose.PREFERENCES, personal.preferences), methods=["GET", "POST"]),
            Route(f"{wishes}/data", by_link(Purpose.PREFERENCES, personal.data), methods=["GET"]),
            Route(f"{wishes}/erase", by_link(Purpose.PREFERENCES, personal.ask_to_erase), methods=["GET"]),
            Route(f"{wishes}/erase", by_link(Purpose.PREFERENCES, personal.erase), methods=["POST"]),
            Route(leave, by_link(Purpose.UNSUBSCRIBE, personal.ask_to_leave), methods=["GET"]),
            Route("/editions", archive.archive),
            Route("/editions/{number:int}", archive.edition),
            Route("/atom.xml", archive.atom),
            Route("/operator", guarded(operator.page), methods=["GET"]),
            Route("/operator", guarded(operator.act), methods=["POST"]),
            Route("/operator/editions/{number:int}", guarded(operator.why), methods=["GET"]),
            Route("/metrics", guarded(metrics)),
            Route("/healthz", health),
            Route("/robots.txt", robots),
        ],
        middleware=[
            Middleware(Manners, numbers=numbers, root=door.root),
            Middleware(ProxyHeadersMiddleware, trusted_hosts=list(door.operator.proxies)),
        ],
        exception_handlers={
            HTTPException: http_problem,
            TokenError: bad_link,
            ConsentError: bad_link,
            StoreError: store_problem,
            Exception: any_problem,
        },
    )
    app.router.redirect_slashes = False  # it would redirect to whatever host was asked for
    return app
