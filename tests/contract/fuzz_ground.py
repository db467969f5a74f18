"""The ground that fuzzing stands on: people of every role, rows to hit, and what keeps a case off its own ground."""

import asyncio
import re
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from typing import Any

import httpx
import requests
from schemathesis import Case

from buybuddy.connections import database_url, open_storage
from buybuddy.domain.accounts.rules import ROLES, Role
from buybuddy.domain.accounts.service import ADMIN_USERNAME
from buybuddy.infra.db import Database
from buybuddy.settings import Settings
from buybuddy.supervisor import Supervisor
from tests.contract.fuzz_samples import PHOTO, TABLE, Dice, make_barcode, make_clip
from tests.integration.test_datasets_versions import fill

API = "/api/v1"
PASSWORD = "a password for tests"
N_ROWS = 6
FROM_ROWS = 0.7  # of the cases take their ids from rows that exist
# What a path parameter or a body's list of ids can be filled from, by its name and, where that says too little, path.
BODY_IDS = {"product_ids": "product_id", "exclude_product_ids": "product_id", "video_ids": "video_id"}
REMOVES = ("/bulk-delete", "/products/remove", "/undo", "/apply", "/reset-password", "/cancel")
REFILL_EVERY = 25  # cases

Shelf = tuple[str, Sequence[str]]  # a dataset, and its products that have images


@dataclass
class Ground:
    """A platform of its own, the sessions of the people that fuzz it, and the rows that it had last."""

    url: str
    http: httpx.Client
    make_shelf: Callable[[], Shelf]
    password: str  # the admin's
    tokens: dict[Role, str] = field(default_factory=dict)
    acting: set[str] = field(default_factory=set)  # ids and names that no case may end, disable or demote
    shelf: Shelf = ("", ())
    is_stale: bool = False
    inside: dict[tuple[str, str], list[str]] = field(default_factory=dict)  # ids of one row, by name and that row's id
    rows: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    sent: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    session: requests.Session = field(default_factory=requests.Session)

    def __post_init__(self) -> None:
        # A sign-in that succeeds must not make the next case somebody else.
        self.session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))

    def headers(self, role: Role) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens[role]}"}

    def ask(self, method: str, path: str, *, status: int | None = None, role: Role = "admin", **options: Any) -> Any:
        """Return the document that the platform answers with."""
        answer = self.http.request(method, API + path, headers=self.headers(role), **options)
        assert answer.is_success if status is None else answer.status_code == status, (path, answer.text)
        return answer.json() if answer.content else None

    def aim(self, case: Case[Any]) -> None:
        """Put ids of rows that exist into most cases, and the present version into half of the edits."""
        parameters = case.path_parameters = case.path_parameters or {}
        dice = Dice(case)
        outer = ""
        for name in re.findall(r"{(\w+)}", case.path):  # outer rows first
            known = self.inside.get((name, outer)) or self.rows.get("product_id" if name == "resource_id" else name)
            if known and dice.says(FROM_ROWS):
                parameters[name] = dice.choice(known)
            outer = str(parameters[name])
        if isinstance(case.body, dict):
            self._aim_body(case.body, case.path, dice)
        if "/uploads" in case.path and dice.says(0.8):
            case.headers["Tus-Resumable"] = "1.0.0"  # nothing else gets past the door
        if dice.says(0.5):
            self._take_version(case)

    def _aim_body(self, body: dict[str, Any], path: str, dice: Dice) -> None:
        for name, rows in BODY_IDS.items():
            if name in body and self.rows[rows] and dice.says(FROM_ROWS):
                body[name] = sorted({dice.choice(self.rows[rows]) for _ in range(3)})
        if path.endswith("/auth/login") and dice.says(0.3):
            body |= {"username": dice.choice(self.rows["username"]), "password": PASSWORD}
        for name, file in (("photo", PHOTO), ("file", TABLE)):
            if name in body and dice.says(0.5):
                body[name] = file

    def _take_version(self, case: Case[Any]) -> None:
        kind = next((kind for kind in ("products", "datasets", "auth/users") if f"/{kind}/{{" in case.path), None)
        if case.method == "GET" or kind is None:
            return
        row_id = str(next(iter((case.path_parameters or {}).values())))
        if row_id not in self.rows["product_id"] + self.rows["dataset_id"] + self.rows["user_id"]:
            return
        answer = self.http.get(f"{API}/{kind}/{row_id}", headers=self.headers("admin"))
        if not answer.is_success:
            return
        case.headers.pop("if-match", None)
        if isinstance(case.body, dict) and (case.method == "PATCH" or "version" in case.body):
            case.body["version"] = answer.json()["version"]
        elif any(parameter["name"] == "version" for parameter in case.operation.definition.raw.get("parameters", ())):
            case.query = {**(case.query or {}), "version": answer.json()["version"]}

    def keep_off(self, case: Case[Any]) -> None:
        """Turn a case that would end a session, a key or an account of those who act here on somebody else."""
        parameters = case.path_parameters or {}
        for name, value in parameters.items():
            if str(value).lower() in self.acting:
                parameters[name] = self.rows[name][0]

    def note(self, case: Case[Any], status: int) -> None:
        """Count a case; make new rows now and then where cases remove them."""
        counted = self.sent[case.operation.definition.raw["operationId"]]
        counted[str(status)] += 1
        if status < 300 and (case.method == "DELETE" or any(part in case.path for part in REMOVES)):
            self.is_stale = True
        if self.is_stale and counted.total() % REFILL_EVERY == 0:
            self.refill()

    def refill(self) -> None:
        """Make what the cases before have removed; look once more at what there is."""
        self.is_stale = False
        self.inside.clear()
        self._fill(
            "product_id",
            "/products",
            lambda n: {"barcodes": [make_barcode(n), make_barcode(n + 1)], "brand_name": f"Brand {n}"},
        )
        self._fill("dataset_id", "/datasets", lambda n: {"name": f"Dataset {n} {uuid.uuid4().hex[:6]}"})
        self._refill_shelf()
        for product in self.rows["product_id"]:
            barcodes = self.ask("GET", f"/products/{product}")["barcodes"]
            images = self.ask("GET", f"/products/{product}/images", params={"limit": N_ROWS})["items"]
            self.inside["barcode", product] = barcodes
            self.inside["image_id", product] = [image["id"] for image in images]
        self._refill_people()
        self._refill_videos()
        self._refill_uploads()
        self._refill_bulk_work()
        for name, path in (("job_id", "/jobs"), ("notification_id", "/notifications")):
            answer = self.http.get(f"{API}{path}", headers=self.headers("admin"), params={"limit": N_ROWS})
            self.rows[name] = [row["id"] for row in answer.json().get("items", [])] if answer.is_success else []

    def _refill_shelf(self) -> None:
        """Have a dataset whose products have images in storage, and two versions of it."""
        if self.http.get(f"{API}/datasets/{self.shelf[0]}", headers=self.headers("admin")).is_error:
            self.shelf = self.make_shelf()
        kept = [id_ for id_ in self.shelf[1] if self._has_images(id_)]
        if not kept:
            self.shelf = self.make_shelf()
            kept = list(self.shelf[1])
        dataset = self.shelf[0]
        self.rows["dataset_id"][:2] = [dataset] * 2
        self.rows["product_id"][: len(kept[:3])] = kept[:3]
        self.ask("POST", f"/datasets/{dataset}/products", json={"product_ids": self.rows["product_id"]})
        versions = self.ask("GET", f"/datasets/{dataset}/versions")["items"]
        while len(versions) < 2:
            versions.append(self.ask("POST", f"/datasets/{dataset}/versions", json={}))
        self.inside["number", dataset] = [str(version["number"]) for version in versions[:N_ROWS]]

    def _has_images(self, product_id: str) -> bool:
        answer = self.http.get(f"{API}/products/{product_id}/images", headers=self.headers("admin"))
        return answer.is_success and bool(answer.json()["items"])

    def _refill_uploads(self) -> None:
        """Have two uploads that wait for their bytes."""
        headers = self.headers("admin") | {"Tus-Resumable": "1.0.0", "Upload-Length": "2000"}
        known = [self.http.get(f"{API}/videos/uploads/{id_}", headers=headers) for id_ in self.rows["upload_id"]]
        self.rows["upload_id"] = [answer.json()["id"] for answer in known if answer.is_success]
        while len(self.rows["upload_id"]) < 2:
            answer = self.http.post(f"{API}/videos/uploads", headers=headers)
            if answer.status_code == 429:  # cases have begun as many as one may have
                return
            self.rows["upload_id"].append(answer.headers["Location"].rsplit("/", 1)[-1])

    def _refill_bulk_work(self) -> None:
        """Have an import that waits to be applied and a bulk edit that can be undone."""
        csv = f"brand_name,barcode\nBrand,{make_barcode(uuid.uuid4().int % 10**7)}\n".encode()
        self.rows["import_id"] = [
            self.ask("POST", "/products/imports", files={"file": ("some.csv", csv, "text/csv")})["id"] for _ in range(2)
        ]
        edit = {"product_ids": self.rows["product_id"][-2:], "changes": {"category": f"C {uuid.uuid4().hex[:6]}"}}
        self.rows["bulk_id"] = [self.ask("POST", "/products/bulk-edit", json=edit)["bulk_id"]]

    def _fill(self, name: str, path: str, make: Callable[[int], dict[str, object]]) -> None:
        found = [row["id"] for row in self.ask("GET", path, params={"limit": N_ROWS})["items"]]
        while len(found) < N_ROWS:
            found.append(self.ask("POST", path, json=make(uuid.uuid4().int % 10**8))["id"])
        self.rows[name] = found

    def _refill_people(self) -> None:
        """Have three users whom nobody acts as, each with a session and a key that can be ended."""
        for row_id in self.rows["user_id"]:
            for kind, name in (("sessions", "session_id"), ("api-keys", "key_id")):
                answer = self.http.get(f"{API}/auth/users/{row_id}/{kind}", headers=self.headers("admin"))
                self.inside[name, row_id] = [row["id"] for row in answer.json()["items"]] if answer.is_success else []
        whole = [id_ for id_ in self.rows["user_id"] if self.inside["session_id", id_] and self.inside["key_id", id_]]
        self.rows["user_id"] = [*whole, *(self._add_victim() for _ in range(3 - len(whole)))]
        self.rows["username"] = [self.ask("GET", f"/auth/users/{id_}")["username"] for id_ in self.rows["user_id"]]
        keys = [row["id"] for row in self.ask("GET", "/auth/api-keys")["items"]]
        while len(keys) < 3:
            keys.append(self.ask("POST", "/auth/api-keys", json={"name": f"key {uuid.uuid4().hex[:8]}"})["id"])
        self.rows["key_id"] = keys[:N_ROWS]
        own = {row["id"] for row in self.ask("GET", "/auth/sessions", params={"limit": 100})["items"]} - self.acting
        if not own:
            self.sign_in(ADMIN_USERNAME, self.password)
            own = {row["id"] for row in self.ask("GET", "/auth/sessions", params={"limit": 100})["items"]} - self.acting
        self.rows["session_id"] = sorted(own)

    def _add_victim(self) -> str:
        name = f"victim-{uuid.uuid4().hex[:8]}"
        body = {"username": name, "role": "viewer", "password": PASSWORD}
        user_id = str(self.ask("POST", "/auth/users", json=body)["id"])
        token = {"Authorization": f"Bearer {self.sign_in(name, PASSWORD)}"}
        key = self.http.post(f"{API}/auth/api-keys", headers=token, json={"name": "a key"}).json()
        sessions = self.ask("GET", f"/auth/users/{user_id}/sessions")["items"]
        self.inside["key_id", user_id] = [key["id"]]
        self.inside["session_id", user_id] = [row["id"] for row in sessions]
        return user_id

    def sign_in(self, name: str, password: str) -> str:
        """Return the access token of a new session."""
        body = {"username": name, "password": password}
        answer = self.http.post(f"{API}/auth/login", json=body)
        while answer.status_code == 429:  # cases have guessed passwords from this address
            time.sleep(answer.json()["retry_after_s"])
            answer = self.http.post(f"{API}/auth/login", json=body)
        assert answer.status_code == 200, answer.text
        self.http.cookies.clear()
        return str(answer.json()["access_token"])

    def _refill_videos(self) -> None:
        self.rows["video_id"] = [row["id"] for row in self.ask("GET", "/videos", params={"limit": N_ROWS})["items"]]
        if len(self.rows["video_id"]) < 2:
            files = [("files", (f"{n}.mp4", make_clip(), "video/mp4")) for n in range(2)]
            junk = ("files", ("junk.mp4", b"no video at all", "video/mp4"))
            answer = self.ask("POST", "/videos/upload", files=[*files, junk])
            assert [row["filename"] for row in answer["rejected"]] == ["junk.mp4"], answer
            self.rows["video_id"] += [row["id"] for row in answer["videos"]]


@contextmanager
def open_ground(home: Path) -> Iterator[Ground]:
    """Start a platform that nobody else uses, for fuzzing deletes things, and people of every role in it."""
    settings = Settings.for_home(home)
    supervisor = Supervisor(settings, port=0)

    def make_shelf() -> Shelf:
        async def fill_once() -> Shelf:
            db = Database(database_url(settings))
            shelf = await fill(db, open_storage(settings))
            await db.close()
            return str(shelf.dataset_id), [str(id_) for id_ in shelf.product_ids]

        return asyncio.run(fill_once())

    supervisor.start()
    with supervisor.watching(), httpx.Client(base_url=supervisor.url, timeout=60) as http:
        assert supervisor.admin_password is not None
        ground = Ground(supervisor.url, http, make_shelf, supervisor.admin_password)
        _act(ground, "admin", ADMIN_USERNAME, supervisor.admin_password)
        for role in ROLES:
            if role != "admin":
                body = {"username": f"fuzzing-{role}", "role": role, "password": PASSWORD}
                ground.ask("POST", "/auth/users", json=body, status=201)
                _act(ground, role, f"fuzzing-{role}", PASSWORD)
        ground.refill()
        with ground.session:
            yield ground


def _act(ground: Ground, role: Role, name: str, password: str) -> None:
    ground.tokens[role] = ground.sign_in(name, password)
    sessions = ground.ask("GET", "/auth/sessions", role=role)["items"]
    ground.acting |= {name, ground.ask("GET", "/auth/me", role=role)["id"], *(row["id"] for row in sessions)}
