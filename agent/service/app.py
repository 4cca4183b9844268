"""The application: routes, health, metrics, the web page, and what surrounds them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, FastAPI
from fastapi.responses import FileResponse, JSONResponse, Response
from starlette.middleware import Middleware
from starlette.staticfiles import StaticFiles

from omnisense.agent.agent import Agent
from omnisense.agent.service import chat, clips, realtime, runs, threads
from omnisense.agent.service.access import owner_of, service_of
from omnisense.agent.service.clip_store import KEEP_ALIVE_S
from omnisense.agent.service.errors import add_error_handlers
from omnisense.agent.service.gate import Gate
from omnisense.agent.service.service import Service
from omnisense.agent.service.settings import ServiceSettings
from omnisense.agent.voice.base import NoVoice, Voice
from omnisense.version import __version__

_CLEAN_S = 3600.0  # between removals of clips whose time is over
_DESCRIPTION = (
    "An agent that perceives video, audio and text of a person and responds with empathy. Chat and live conversation "
    "in OpenAI's form, and resources of its own."
)
Services = Annotated[Service, Depends(service_of)]
_log = logging.getLogger(__name__)


def create_app(agent: Agent, settings: ServiceSettings | None = None, voice: Voice | None = None) -> FastAPI:
    """Return the ASGI application that serves an agent.

    Args:
        agent: that answers. Its models are loaded once and shared by all sessions; it is closed at the end.
        settings: who may use the service, and how much of it.
        voice: of live sessions; None: their replies are text.

    Raises:
        InputError: the settings would let strangers in, or the log of escalations cannot be written.
    """
    settings = settings or ServiceSettings()
    settings.check()
    service = Service(agent, settings, voice or NoVoice())
    app = FastAPI(
        title="OmniSense",
        version=__version__,
        description=_DESCRIPTION,
        lifespan=_lifespan,
        docs_url=None,  # FastAPI's pages load scripts from another server; ours is at /docs
        redoc_url=None,
        middleware=[Middleware(Gate, settings=settings, metrics=service.metrics)],
    )
    app.state.service = service
    add_error_handlers(app)
    for router in (chat.router, threads.router, clips.router, runs.router, realtime.router):
        app.include_router(router)
    _add_operations(app)
    _add_page(app)
    return app


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    service: Service = app.state.service
    await service.start()

    async def repeat(work: Callable[[], None], seconds: float) -> None:
        while True:
            try:
                await asyncio.to_thread(work)
            except Exception:  # of a folder that is out of reach, for instance: clips must expire all the same later
                _log.exception("a periodic task of the uploaded clips failed; it runs again in %g s", seconds)
            await asyncio.sleep(seconds)

    tasks = [
        asyncio.create_task(repeat(service.clips.remove_expired, _CLEAN_S)),
        asyncio.create_task(repeat(service.clips.keep_alive, KEEP_ALIVE_S)),
    ]
    yield
    for task in tasks:
        task.cancel()
    await service.stop()


def _add_operations(app: FastAPI) -> None:
    @app.get("/healthz", tags=["operations"])
    async def health() -> Any:
        """Tell whether the process answers."""
        return {"status": "ok", "version": __version__}

    @app.get("/readyz", tags=["operations"], response_model=None)
    async def ready(service: Services) -> JSONResponse:
        """Tell whether turns can be taken: 503 while models are loaded and while the server shuts down."""
        reason = service.not_ready()
        return JSONResponse({"status": reason or "ready"}, 503 if reason else 200)

    @app.get("/metrics", tags=["operations"], response_model=None)
    async def metrics(_: Annotated[str, Depends(owner_of)], service: Services) -> Response:
        """Return the metrics in Prometheus' format; a key is needed where keys are set."""
        return Response(await service.render_metrics(), media_type="text/plain; version=0.0.4; charset=utf-8")


def _add_page(app: FastAPI) -> None:
    page = Path(str(files("omnisense.agent.service"))) / "page"

    @app.get("/", include_in_schema=False, response_model=None)
    async def index() -> FileResponse:
        return FileResponse(page / "index.html", headers={"Cache-Control": "no-cache"})

    @app.get("/docs", include_in_schema=False, response_model=None)
    async def docs() -> FileResponse:
        return FileResponse(page / "docs.html", headers={"Cache-Control": "no-cache"})

    @app.get("/v1/session-info", tags=["operations"])
    async def session_info(service: Services) -> Any:
        """Tell a page what it needs before it has a key: whether one is needed, and what is kept for how long."""
        settings = service.settings
        return {
            "key_needed": bool(settings.api_keys),
            "upload_hours": settings.upload_hours,
            "max_upload_mb": settings.max_upload_mb,
            "runs": settings.runs is not None,
            "policy": service.agent.policy.name,
            "voice": service.voice.name,
        }

    app.mount("/page", StaticFiles(directory=page), name="page")
