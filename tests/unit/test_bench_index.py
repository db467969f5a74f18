"""The benchmark of published indexes says what it has measured, and what it has not."""

from pathlib import Path

from buybuddy.benchmarks.index import K_IMAGES, K, Size, run


def test_figures_say_on_how_many_threads_and_of_how_many_images_they_are(tmp_path: Path) -> None:
    reports = run(tmp_path, Size(n_vectors=2_000, n_exact=1_500, n_rounds=1, n_served=128), n_threads=2)
    by_name = {report.name: report for report in reports}
    assert list(by_name) == [
        "index.recall_at_10", "index.service_rate", "index.p99", "index.build", "index.exact_batch_rate",
    ]  # fmt: skip
    exact = by_name["index.exact_batch_rate"]
    assert exact.details["threads"] == 1 and exact.details["all_threads"] == 2
    assert exact.baseline is not None and exact.ratio is not None
    assert abs(exact.ratio - exact.value / exact.baseline) < 0.02
    assert float(exact.details["all_threads_ratio"]) > 0
    assert by_name["index.p99"].details["images"] == K
    assert f"p99_of_{K_IMAGES}_images" in by_name["index.p99"].details
    assert by_name["index.p99"].details["database"] == "not asked"
    assert "database" in str(by_name["index.service_rate"].details["products"])
