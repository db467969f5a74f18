"""What Prometheus is told: how long jobs wait and are silent, what was refused, who waits for a connection."""

import httpx
from prometheus_client.parser import text_string_to_metric_families

from buybuddy.domain.jobs import repository
from tests.conftest import RunningPlatform
from tests.integration.conftest import Jobs


def scrape(http: httpx.Client) -> dict[str, float]:
    answer = http.get("/metrics")
    assert answer.status_code == 200
    return {
        " ".join([sample.name, *sample.labels.values()]): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


async def test_the_health_of_the_queue_is_that_of_its_unfinished_jobs(jobs: Jobs) -> None:
    running, _ = await jobs.create(2)
    await jobs.start(running)
    await jobs.silence(running.id, seconds=25)
    await jobs.sql("UPDATE jobs SET queued_at = queued_at - interval '40 s' WHERE status = 'queued'")
    async with jobs.db.transaction() as session:
        health = {one.type: one for one in await repository.queue_health(session)}
    matching = health["matching"]
    assert 40 <= matching.oldest_waiting_s < 60 and 25 <= matching.longest_silence_s < 45
    assert (matching.n_attempts, matching.n_crashes) == (1, 0)
    assert health["training"] == ("training", 0.0, 0.0, 0, 0)


def test_a_scrape_tells_of_refusals_queue_trash_and_connections(platform: RunningPlatform) -> None:
    with httpx.Client(base_url=platform.url, headers={"Authorization": f"Bearer {platform.key}"}) as http:
        before = scrape(http)
        for _ in range(3):
            assert http.get("/api/v1/jobs/not-an-id").status_code == 422
        after = scrape(http)
    problems = "buybuddy_problems_total VALIDATION_FAILED"
    assert after[problems] == before.get(problems, 0) + 3
    assert after["buybuddy_db_connections_in_use transactions"] >= 1, "the scrape's own"
    for figure in (
        "buybuddy_jobs_oldest_waiting_seconds video_processing",
        "buybuddy_jobs_longest_silence_seconds training",
        "buybuddy_trash_due",
        "buybuddy_db_connection_waits",
        "buybuddy_event_streams_open",
        "buybuddy_streams_open",
    ):
        assert figure in after, figure
