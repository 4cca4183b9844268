"""The service with its conversations in Postgres."""

import httpx
import pytest

from tests.agent.service.conftest import scripted_agent
from tests.agent.service.test_failures import chat, turns

pytest.importorskip("psycopg_pool", reason="the Postgres driver is absent: pip install 'omnisense[postgres]'")
pytestmark = [pytest.mark.subprocess, pytest.mark.slow]


def test_threads_outlive_the_service_and_are_deleted_for_good(start):
    from tests.agent.test_postgres import running_server

    with running_server() as postgres:
        url = postgres.database("service")
        with start(scripted_agent(memory=url)) as service:
            chat(service, "My name is Ana.")
        with start(scripted_agent(memory=url)) as service, start(scripted_agent(memory=url)) as other:
            assert "Ana" in chat(other, "What did I say first?").omnisense["appraisal"]["context"]["recalled"]
            assert turns(service) == (["My name is Ana.", "What did I say first?"], False)
            assert httpx.get(f"{service.url}/v1/threads/t").json()["notes"]
            assert httpx.delete(f"{service.url}/v1/threads/t").status_code == 204
            assert httpx.get(f"{other.url}/v1/threads/t").status_code == 404


def test_a_database_that_is_away_is_said_and_loses_nothing(start):
    import openai

    from tests.agent.test_postgres import running_server

    with running_server() as postgres, start(scripted_agent(memory=postgres.database("away"))) as service:
        chat(service, "My name is Ana.")
        postgres.control("stop", "-m", "immediate")
        with pytest.raises(openai.InternalServerError) as refused:
            chat(service, "Are you there?")
        assert (refused.value.status_code, refused.value.code) == (503, "storage_error")
        assert refused.value.response.headers["retry-after"]
        assert httpx.get(f"{service.url}/healthz").status_code == 200
        postgres.control("start")
        chat(service, "Are you there?")
        assert turns(service) == (["My name is Ana.", "Are you there?"], False)
