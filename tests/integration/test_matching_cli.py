"""`buybuddy matching` and `buybuddy encoders` against a running platform, as a person types them."""

import json
import time
import uuid
from typing import Any

from typer.testing import CliRunner

from buybuddy.cli.main import app
from buybuddy.errors import InvalidInput
from tests.conftest import RunningPlatform


def ask(platform: RunningPlatform, *arguments: str) -> Any:
    ran = CliRunner().invoke(app, [*arguments, "--json"], env={"BUYBUDDY_HOME": str(platform.home)})
    assert ran.exit_code == 0, ran.stderr
    return json.loads(ran.stdout)


def test_the_queue_lists_what_needs_matching_and_progress_counts_it(platform: RunningPlatform) -> None:
    brand = f"w{uuid.uuid4().hex[:12]}"
    with platform.client() as client:
        made = [client.products.create(brand_name=brand, product_name=f"no. {n}") for n in range(3)]
        for product in made:
            client.request("PATCH", f"/products/{product.id}", json={"version": 1, "status": "needs_matching"})
    deadline_s = time.monotonic() + 30
    rows: list[dict[str, Any]] = []
    while len(rows) < 3 and time.monotonic() < deadline_s:  # the worker's sweep adds them
        rows = ask(platform, "matching", "queue", "--search", brand)
    assert {row["product_id"] for row in rows} == {str(product.id) for product in made}
    assert {(row["n_candidates"], row["expected_matches"]) for row in rows} == {(0, 0.0)}
    assert len(ask(platform, "matching", "queue", "--search", brand, "--limit", "2")) == 2
    assert ask(platform, "matching", "progress")["products_left"] >= 3


def test_settings_are_shown_changed_and_previewed(platform: RunningPlatform) -> None:
    before = ask(platform, "matching", "settings")
    assert before["is_automatic"] is False
    changed = ask(platform, "matching", "settings", "--ready-after", "5", "--target", "0.97")
    assert (changed["ready_after"], changed["precision_target"]) == (5, 0.97)
    found = ask(platform, "matching", "settings", "--preview", "--target", "0.99")
    assert (found["would_approve"], found["needed_decisions"], found["measured_precision"]) == (0, 536, None)
    arguments = ["matching", "settings", "--preview", "--automatic"]
    refused = CliRunner().invoke(app, arguments, env={"BUYBUDDY_HOME": str(platform.home)})
    assert isinstance(refused.exception, InvalidInput)
    ask(platform, "matching", "settings", "--ready-after", str(before["ready_after"]), "--target", "0.99")


def test_an_encoder_is_filled_in_and_listed(platform: RunningPlatform) -> None:
    done = ask(platform, "encoders", "fill", "efficientnet-lite0")
    assert len(done["jobs"]) == 3
    [made] = [row for row in ask(platform, "encoders", "list") if row["name"] == "efficientnet-lite0"]
    assert (made["dim"], made["images_missing"] + made["photos_missing"]) == (1352, 0)
    assert ask(platform, "encoders", "activate", "efficientnet-lite0")["is_serving"]
