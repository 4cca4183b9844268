"""A generator's work in a thread, its items in an asyncio loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TypeVar

_T = TypeVar("_T")


async def iterate_in_thread(make: Callable[[], Iterator[_T]]) -> AsyncIterator[_T]:
    """Yield the items of a generator as they come; it runs in a thread, and what it raises is raised here."""
    loop = asyncio.get_running_loop()
    items: asyncio.Queue[tuple[_T] | BaseException | None] = asyncio.Queue()

    def work() -> None:
        try:
            for item in make():
                loop.call_soon_threadsafe(items.put_nowait, (item,))
            loop.call_soon_threadsafe(items.put_nowait, None)
        except BaseException as error:
            loop.call_soon_threadsafe(items.put_nowait, error)

    worker = asyncio.create_task(asyncio.to_thread(work))
    while (found := await items.get()) is not None:
        if isinstance(found, BaseException):
            raise found
        yield found[0]
    await worker
