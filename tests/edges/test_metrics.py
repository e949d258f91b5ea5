"""What can be known beforehand is there from the first scrape."""

from gateway.edges.kafka import ALL_REASONS
from gateway.edges.metrics import Metrics


def test_every_reason_for_which_publishing_may_fail_starts_at_0() -> None:
    metrics = Metrics()
    metrics.know_reasons(ALL_REASONS)
    shown = metrics.render().decode()

    for reason in ("timeout", "connection", "not_authorized", "too_large", "other"):
        assert f'bitbucket_gateway_publish_failures_total{{reason="{reason}"}} 0.0' in shown


def test_the_age_of_the_backlog_is_absent_while_there_is_none() -> None:
    metrics = Metrics()
    name = "bitbucket_gateway_backlog_oldest_timestamp_seconds"
    seen = []
    for oldest in (None, 1_500, None):
        metrics.backlog(0 if oldest is None else 1, oldest)
        seen.append(f"{name} 1.5" in metrics.render().decode())

    assert seen == [False, True, False]
