"""A slow look at the clock delays no delivery, and what must be certain of the time still waits for it."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import psycopg
import pytest

from services.core.runtime.settings import read_settings
from services.core.storage.database import DatabaseUnavailable
from services.core.usecases.context import Context
from services.webhook_ingress.publisher import Publisher
from services.webhook_ingress.reception import Reception
from tests.conftest import ValkeyProcess


@contextmanager
def clock_that_can_not_be_read(url: str) -> Iterator[None]:
    with psycopg.connect(url.replace("+psycopg", "")) as holder:
        holder.execute("LOCK TABLE installation IN ACCESS EXCLUSIVE MODE")
        yield


@pytest.fixture
def context(database_url: str, valkey_process: ValkeyProcess) -> Iterator[Context]:
    made = Context(read_settings(database_url=database_url, redis_url=valkey_process.url))
    yield made
    made.close()


def test_the_known_time_is_carried_on_while_it_is_read_anew(context: Context, database_url: str) -> None:
    async def look() -> list[datetime]:
        async with Reception(context, Publisher(context.broker)) as reception:
            first = await reception.product_now()
            while reception._clock.carried_on() is not None:
                await asyncio.sleep(0.05)
            with clock_that_can_not_be_read(database_url):
                carried = [await reception.product_now() for _ in range(3)]
                with pytest.raises(DatabaseUnavailable):
                    await reception.product_now(fresh=True)
            return [first, *carried, await reception.product_now(fresh=True)]

    times = asyncio.run(look())
    assert times == sorted(times)


def test_a_time_that_was_never_read_is_waited_for(context: Context, database_url: str) -> None:
    async def look() -> datetime:
        async with Reception(context, Publisher(context.broker)) as reception:
            with clock_that_can_not_be_read(database_url), pytest.raises(DatabaseUnavailable):
                await reception.product_now()
            return await reception.product_now()

    assert asyncio.run(look()).tzinfo is not None
