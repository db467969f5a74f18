"""`buybuddy index` and searches in what it builds, against a running platform with the real encoder."""

import json
import uuid
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psycopg
import pytest
from typer.testing import CliRunner, Result

from buybuddy.cli.main import app
from buybuddy.connections import database_url
from buybuddy.settings import Settings
from buybuddy_sdk import Client, Job
from tests.conftest import RunningPlatform


def command(platform: RunningPlatform, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["index", *arguments], env={"BUYBUDDY_HOME": str(platform.home)})


def ask(platform: RunningPlatform, *arguments: str) -> Any:
    ran = command(platform, *arguments, "--json")
    assert ran.exit_code == 0, ran.stderr or ran.exception
    return json.loads(ran.stdout)


def draw(path: Path, seed: int) -> Path:
    """Write a picture of its own for each seed."""
    noise = np.random.default_rng(seed).integers(0, 255, (6, 6, 3), dtype=np.uint8)
    cv2.imwrite(str(path), cv2.resize(noise, (200, 200), interpolation=cv2.INTER_NEAREST))
    return path


def embed(client: Client) -> None:
    """Wait until no picture waits for its vector."""
    for status in ("pending", "queued", "processing"):
        waiting = client.request("GET", "/embeddings/jobs", params={"status": status})["items"]
        for job in client.jobs.wait([job["id"] for job in waiting]):
            assert isinstance(job, Job)
            job.raise_for_status()


@pytest.mark.slow
def test_an_index_is_built_swapped_searched_rolled_back_and_deleted(platform: RunningPlatform, tmp_path: Path) -> None:
    name = f"Snacks {uuid.uuid4().hex[:8]}"
    pictures = [draw(tmp_path / f"{seed}.png", 100 + seed) for seed in range(3)]
    with platform.client() as client:
        products = [client.products.create(product_name=f"{name} {n}") for n in range(3)]
        for product, picture in zip(products, pictures, strict=True):
            client.products.add_images(product, picture)
        embed(client)
        dataset = client.datasets.create(name)
        client.datasets.add_products(dataset, products)
        assert "freeze it first" in str(command(platform, "build", name, "--dataset", name).exception)
        client.datasets.freeze(dataset)
        with psycopg.connect(database_url(Settings.for_home(platform.home))) as connection:
            connection.execute(
                "DELETE FROM image_embeddings WHERE image_id IN (SELECT id FROM product_images WHERE product_id = %s)",
                (products[2].id,),
            )

        part = ask(platform, "build", f"{name} part", "--dataset", name)
        assert (part["status"], part["kind"], part["vector_count"], part["left_out_count"]) == ("ready", "exact", 2, 1)
        assert "extract" in part["left_out"][0]["reason"]
        whole = ask(platform, "build", f"{name} whole", "--dataset", name, "--extract", "--version", "1")
        assert (whole["vector_count"], whole["product_count"], whole["left_out_count"]) == (3, 3, 0)
        assert whole["domains"] == {"synthetic": 3}
        again = client.request("POST", "/embeddings/extract", json={"dataset_id": str(dataset.id)})
        assert again == {"jobs": []}
        listed = {row["name"]: row["is_serving"] for row in ask(platform, "list")}
        assert (listed[part["name"]], listed[whole["name"]]) == (False, False)

        assert client.search(pictures[2]).index is None
        assert ask(platform, "swap", part["name"])["is_serving"]
        found = client.search(pictures[2])
        assert found.index is not None and (found.index.name, found.n_vectors) == (part["name"], 2)
        assert {row.product_id for row in found.results} == {product.id for product in products[:2]}
        chosen = client.search(pictures[2], index=whole["id"])
        assert chosen.index is not None and chosen.index.name == whole["name"]
        assert chosen.results[0].product_id == products[2].id
        assert chosen.results[0].similarity == pytest.approx(1, abs=0.05)

        client.products.delete(products[0])
        assert {row.product_id for row in client.search(pictures[0]).results} == {products[1].id}
        assert ask(platform, "swap", whole["id"])["previous_id"] == part["id"]
        assert "serves searches" in str(command(platform, "delete", whole["name"]).exception)
        assert ask(platform, "rollback")["index"]["name"] == part["name"]
        assert ask(platform, "delete", whole["name"]) == {"deleted": whole["id"]}
        assert ask(platform, "rollback") == {"index": None}
        assert client.search(pictures[1]).index is None
        ask(platform, "delete", part["id"])
    assert "There is no index" in str(command(platform, "swap", part["name"]).exception)
