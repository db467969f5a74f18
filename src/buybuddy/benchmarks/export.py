"""Downloads of a platform as it is run: a ZIP of many images beside a plain copy of them, and what a cancel costs."""

import http.client
import io
import shutil
import threading
import time
import uuid
import zipfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

import numpy as np
import psycopg
from PIL import Image

from buybuddy.benchmarks.report import BenchmarkReport
from buybuddy.benchmarks.seed import CatalogueSize, seed_catalogue
from buybuddy.connections import database_url, open_storage
from buybuddy.settings import Settings
from buybuddy.supervisor import CLI_KEY_FILE, Supervisor

CATEGORY = "exported"
N_PATTERNS, N_ROUNDS = 50, 3
READ_BYTES = 1024 * 1024
CANCEL_AFTER_BYTES = 5_000_000
QUIET_S, QUIET_BYTES = 0.3, 64 * 1024
ARCHIVE_PATH = f"/api/v1/products/download/all?category={CATEGORY}"
MB = 1e6


@dataclass(frozen=True)
class Download:
    """What one download took."""

    n_bytes: int
    first_byte_s: float
    total_s: float


@dataclass(frozen=True)
class Server:
    """The API process that is measured."""

    url: str
    key: str
    pid: int

    def ask(
        self, method: str, path: str, body: str | None = None
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        """Send a request and return its connection and answer, the body unread."""
        address = urlsplit(self.url)
        connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=120)
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        connection.request(method, path, body, headers)
        return connection, connection.getresponse()

    def memory_mb(self, name: str) -> float:
        """Return VmRSS or VmHWM of the process."""
        lines = Path(f"/proc/{self.pid}/status").read_text(encoding="utf-8").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) * 1024 / MB

    def forget_peak(self) -> None:
        """Have VmHWM begin anew."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5", encoding="utf-8")

    def n_read(self) -> int:
        """Return how many bytes the process has read, from wherever."""
        return int(Path(f"/proc/{self.pid}/io").read_text(encoding="utf-8").split()[1])

    def open_streams(self) -> int:
        connection, answer = self.ask("GET", "/metrics")
        lines = answer.read().decode().splitlines()
        connection.close()
        return int(float(next(line.split()[1] for line in lines if line.startswith("buybuddy_streams_open "))))


def run(folder: Path, *, n_images: int = 10_000, n_products: int = 100_000) -> list[BenchmarkReport]:
    """Measure a ZIP of `n_images`, a cancelled one, and a CSV of `n_products`; Linux only.

    Args:
        folder: an empty folder for a home and for what is downloaded.
    """
    supervisor = Supervisor(Settings.for_home(folder / "home"), port=0)
    supervisor.start()
    with supervisor.watching():
        settings = supervisor.settings
        dsn = database_url(settings)
        seed_catalogue(dsn, CatalogueSize(n_products, n_products, 0))
        files = _add_images(settings, dsn, n_images)
        key = (settings.home_dir / CLI_KEY_FILE).read_text(encoding="utf-8")
        server = Server(supervisor.url, key, supervisor.pids["api"])
        for _ in range(20):  # what any request brings in is no growth of an export
            connection, answer = server.ask("GET", "/api/v1/products")
            answer.read()
            connection.close()
        csv = _measure_csv(server, dsn, folder)
        return [*_measure_zip(server, files, folder), _measure_cancel(server), csv]


def _add_images(settings: Settings, dsn: str, n_images: int) -> list[Path]:
    """Store pictures and give them to products of a category of their own, 50 each; return the files."""
    chance = np.random.default_rng(7)
    patterns = [_picture(chance) for _ in range(N_PATTERNS)]
    root = open_storage(settings).local_root
    if root is None:
        return []
    products = [uuid.uuid4() for _ in range(-(-n_images // 50))]
    rows, files = [], []
    for number in range(n_images):
        image_id, product_id = uuid.uuid4(), products[number // 50]
        data = patterns[number % N_PATTERNS]
        key = f"frames/{product_id}/{image_id}.jpg"
        file = root / key
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        files.append(file)
        rows.append((image_id, product_id, key, number % 50, len(data)))
    with psycopg.connect(dsn) as connection, connection.cursor() as cursor:
        made = [(product_id, f"Exported {number}", CATEGORY) for number, product_id in enumerate(products)]
        cursor.executemany(
            "INSERT INTO products (id, product_name, category, status) VALUES (%s, %s, %s, 'ready')", made
        )
        cursor.executemany(
            "INSERT INTO product_images (id, product_id, image_type, source, storage_key, frame_index, width_px,"
            " height_px, size_bytes, sha256) VALUES (%s, %s, 'synthetic', 'upload', %s, %s, 400, 400, %s, '')",
            rows,
        )
    return files


def _picture(chance: np.random.Generator) -> bytes:
    """Return a JPEG of some 45 kB."""
    small = Image.fromarray(chance.integers(0, 255, (120, 120, 3), dtype=np.uint8))
    packed = io.BytesIO()
    small.resize((400, 400)).save(packed, "JPEG", quality=60)
    return packed.getvalue()


def _download(server: Server, path: str, to: Path, *, method: str = "GET", body: str | None = None) -> Download:
    started_s = time.perf_counter()
    connection, answer = server.ask(method, path, body)
    if answer.status != 200:
        raise RuntimeError(f"{path}: {answer.status} {answer.read(300)!r}")
    n_bytes, buffer = 0, memoryview(bytearray(READ_BYTES))
    with to.open("wb", buffering=0) as file:
        first = answer.read(1)
        first_byte_s = time.perf_counter() - started_s
        n_bytes += file.write(first)
        while n_read := answer.readinto(buffer):
            n_bytes += file.write(buffer[:n_read])
    connection.close()
    return Download(n_bytes, first_byte_s, time.perf_counter() - started_s)


def _copy(files: list[Path], to: Path) -> float:
    """Return how many bytes a second plain copying makes."""
    to.mkdir()
    started_s = time.perf_counter()
    for file in files:
        shutil.copyfile(file, to / file.name)
    took_s = time.perf_counter() - started_s
    n_bytes = sum(file.stat().st_size for file in files)
    shutil.rmtree(to)
    return n_bytes / took_s


def _measure_zip(server: Server, files: list[Path], folder: Path) -> list[BenchmarkReport]:
    archive, downloads, copies = folder / "images.zip", [], []
    before_mb = server.memory_mb("VmRSS")
    server.forget_peak()
    first = _download(server, ARCHIVE_PATH, archive)  # fills the page cache; only its memory counts
    for _ in range(N_ROUNDS):
        archive.unlink(missing_ok=True)  # so that both write new files
        downloads.append(_download(server, ARCHIVE_PATH, archive))
        copies.append(_copy(files, folder / "copied"))
    growth_mb = server.memory_mb("VmHWM") - before_mb
    with zipfile.ZipFile(archive) as opened:
        broken, n_pictures = opened.testzip(), sum(name.endswith(".jpg") for name in opened.namelist())
    if broken is not None or n_pictures != len(files):
        raise RuntimeError(f"The archive is not whole: {n_pictures} of {len(files)} pictures, {broken} is broken.")
    rate = median(one.n_bytes / one.total_s for one in downloads) / MB
    copy_rate = median(copies) / MB
    worst_ms = _worst_answer_ms(server, archive)
    details: dict[str, float | int | str] = {
        "images": n_pictures, "archive": f"{downloads[0].n_bytes / MB:.0f} MB", "rounds": N_ROUNDS,
        "slowest /health meanwhile": f"{worst_ms:.0f} ms", "checksums": "all right",
    }  # fmt: skip
    return [
        BenchmarkReport(
            "export.zip_rate", round(rate, 1), "MB/s", round(copy_rate, 1), round(rate / copy_rate, 2), details
        ),
        BenchmarkReport("export.zip_first_byte", round(max(one.first_byte_s for one in [first, *downloads]), 3), "s"),
        BenchmarkReport(
            "export.zip_memory_growth", round(growth_mb, 1), "MB", details={"before": f"{before_mb:.0f} MB"}
        ),
    ]


def _worst_answer_ms(server: Server, to: Path) -> float:
    """Return the slowest answer to /health while a download runs."""
    times_ms: list[float] = []
    is_over = threading.Event()

    def ask() -> None:
        while not is_over.wait(0.01):
            started_s = time.perf_counter()
            connection, answer = server.ask("GET", "/health")
            answer.read()
            connection.close()
            times_ms.append(1000 * (time.perf_counter() - started_s))

    asker = threading.Thread(target=ask)
    asker.start()
    _download(server, ARCHIVE_PATH, to)
    is_over.set()
    asker.join()
    return max(times_ms, default=0.0)


def _measure_cancel(server: Server) -> BenchmarkReport:
    """Leave a download, and say how long its server went on reading."""
    connection, answer = server.ask("GET", ARCHIVE_PATH)
    taken = 0
    while taken < CANCEL_AFTER_BYTES:
        taken += len(answer.read(65_536))
    n_open = server.open_streams()
    answer.close()
    connection.close()
    left_s = last_s = time.perf_counter()
    n_read = server.n_read()
    while server.open_streams():
        time.sleep(0.005)
    noticed_s = time.perf_counter() - left_s
    while time.perf_counter() - last_s < QUIET_S:
        time.sleep(0.01)
        now = server.n_read()
        if now - n_read > QUIET_BYTES:
            n_read, last_s = now, time.perf_counter()
    details: dict[str, float | int | str] = {"streams before": n_open, "noticed after": f"{noticed_s:.3f} s"}
    took_s = max(last_s - left_s, noticed_s)
    return BenchmarkReport("export.cancel", round(took_s, 3), "s until nothing is read any more", details=details)


def _measure_csv(server: Server, dsn: str, folder: Path) -> BenchmarkReport:
    before_mb = server.memory_mb("VmRSS")
    server.forget_peak()
    file = folder / "products.csv"
    download = _download(server, "/api/v1/products/export/csv", file, method="POST", body="{}")
    growth_mb = server.memory_mb("VmHWM") - before_mb
    with file.open("rb") as lines:
        n_rows = sum(1 for _ in lines) - 1
    started_s = time.perf_counter()
    columns = "id, barcodes[1], brand_name, product_name, category, status, frame_count, created_at"
    query = f"COPY (SELECT {columns} FROM products) TO STDOUT WITH (FORMAT csv, HEADER)"
    with (
        psycopg.connect(dsn) as connection,
        connection.cursor() as cursor,
        (folder / "copy.csv").open("wb") as plain,
        cursor.copy(query.encode()) as rows,
    ):
        for block in rows:
            plain.write(block)
    copy_rate = n_rows / (time.perf_counter() - started_s)
    rate = n_rows / download.total_s
    details: dict[str, float | int | str] = {
        "rows": n_rows, "first byte": f"{download.first_byte_s:.2f} s", "memory growth": f"{growth_mb:.1f} MB",
        "baseline": "PostgreSQL's own COPY, unordered",
    }  # fmt: skip
    return BenchmarkReport(
        "export.csv_rate", round(rate), "rows/s", round(copy_rate), round(rate / copy_rate, 2), details
    )
