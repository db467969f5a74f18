"""What deciding about photos should do, in plain Python: the reference of the state machine."""

import uuid
from dataclasses import dataclass, field

from buybuddy.domain.matching.decisions.service import AlreadyApproved, PhotoTaken
from buybuddy.errors import BuybuddyError

READY_AFTER = 3


def status_after(status: str, n: tuple[int, int], enough: tuple[int, int]) -> str:
    """Say what a product's status should be, by its real images and how many are enough, each before and after."""
    if status == "needs_matching" and n[1] >= enough[1] and (n[1] > n[0] or n[0] < enough[0]):
        return "ready"
    if status == "ready" and n[0] >= enough[0] and n[1] < enough[1]:
        return "needs_matching"
    return status


@dataclass
class Model:
    """What should be: whose each photo is, every decision, who holds which lock, which product is ready.

    Args:
        changes: of how many real images are enough, that no product has been told of yet.
    """

    owners: dict[uuid.UUID, uuid.UUID | None]
    groups: dict[uuid.UUID, int]
    statuses: dict[uuid.UUID, str]
    decisions: dict[tuple[uuid.UUID, uuid.UUID], str] = field(default_factory=dict)
    locks: dict[uuid.UUID, tuple[int, int]] = field(default_factory=dict)
    ready_after: int = READY_AFTER
    changes: list[tuple[int, int]] = field(default_factory=list)

    def n_real(self, product: uuid.UUID) -> int:
        return sum(owner == product for owner in self.owners.values())

    def with_groups(self, photos: list[uuid.UUID]) -> set[uuid.UUID]:
        groups = {self.groups[photo] for photo in photos}
        return set(photos) | {one for one, owner in self.owners.items() if owner is None and self.groups[one] in groups}

    def decide(self, what: str, product: uuid.UUID, photos: list[uuid.UUID]) -> type[BuybuddyError] | None:
        """Change what should be, or return what the request should be refused with."""
        n_before, every = self.n_real(product), self.with_groups(photos)
        if what == "undo":
            for photo in photos:
                self.decisions.pop((product, photo), None)
                if self.owners[photo] == product:
                    self.owners[photo] = None
        elif what == "approved":
            if any(self.owners[photo] not in (None, product) for photo in photos):
                return PhotoTaken
            for photo in every:
                if self.owners[photo] is None and (photo in photos or (product, photo) not in self.decisions):
                    self.owners[photo] = product
                    self.decisions[product, photo] = "approved"
        else:
            if any(self.owners[photo] == product for photo in every):
                return AlreadyApproved
            for photo in every:
                if photo in photos or (product, photo) not in self.decisions:
                    self.decisions[product, photo] = what
        self.follow(product, n_before)
        return None

    def follow(self, product: uuid.UUID, n_before: int) -> None:
        """Have the status of a product follow its real images."""
        if n_before != self.n_real(product):
            enough = (min([self.ready_after, *(before for before, _ in self.changes)]), self.ready_after)
            n = (n_before, self.n_real(product))
            self.statuses[product] = status_after(self.statuses[product], n, enough)

    def set_status(self, product: uuid.UUID, status: str) -> None:
        """A person gives a product a status, or its video is done; only one that can be matched at last follows."""
        is_new = self.statuses[product] == "pending" and status == "needs_matching"
        self.statuses[product] = "ready" if is_new and self.n_real(product) >= self.ready_after else status

    def sweep(self) -> None:
        for change in self.changes:
            for product, status in self.statuses.items():
                self.statuses[product] = status_after(status, (self.n_real(product),) * 2, change)
        self.changes.clear()
