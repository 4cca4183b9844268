"""A generator's work in a thread, its items in an asyncio loop."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Generator
from typing import TypeVar

_T = TypeVar("_T")


async def iterate_in_thread(make: Callable[[], Generator[_T, None, None]]) -> AsyncIterator[_T]:
    """Yield the items of a generator as they come; it runs in a thread, and what it raises is raised here.

    Where the reader stops before the end, the generator is closed at its next item.
    """
    loop = asyncio.get_running_loop()
    items: asyncio.Queue[tuple[_T] | BaseException | None] = asyncio.Queue()
    is_abandoned = threading.Event()

    def work() -> None:
        try:
            with contextlib.closing(make()) as made:
                for item in made:
                    if is_abandoned.is_set():
                        return
                    loop.call_soon_threadsafe(items.put_nowait, (item,))
            loop.call_soon_threadsafe(items.put_nowait, None)
        except BaseException as error:
            loop.call_soon_threadsafe(items.put_nowait, error)

    worker = asyncio.create_task(asyncio.to_thread(work))
    try:
        while (found := await items.get()) is not None:
            if isinstance(found, BaseException):
                raise found
            yield found[0]
        await worker
    finally:
        is_abandoned.set()
