"""What to do to a network: criterion, ratios, epochs, seed. Plain values; knows no PyTorch."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from zerokeep.errors import UserError, check_count, check_ratio

CRITERIA = {
    "zero-keep": "remove the filters with the fewest zeros",
    "random": "remove filters drawn from the seed",
    "most-zeros": "remove the filters with the most zeros",
    "l1": "remove the filters with the smallest L1 norm",
    "none": "remove no filter: zeros only",
}
IMAGES_TO_SEE = 60_000
MOST_EPOCHS = 10


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One way to prune.

    Parameters
    ----------
    criterion
        A key of ``CRITERIA``.
    zero_ratio
        Share of each layer's weights set to zero, smallest magnitudes first; 0 to 1.
    first_zero_ratio, linear_zero_ratio
        The same for the first convolution and for linear layers, which bear less of it; never above `zero_ratio`,
        so that a `zero_ratio` of 0 leaves every weight as it is.
    filter_ratio
        Share of each convolution's filters removed, rounded down; 0 to less than 1. Without effect for ``"none"``.
    epochs
        Passes of fine-tuning over the training images, 0 or more; ``None`` for as many as see no more than 60,000
        images (1 with the full set, at most 10), and 0 where nothing is pruned.
    distil
        Whether fine-tuning also follows the answers of the unpruned network.
    seed
        Of the random criterion, and of order and augmentation in fine-tuning.

    Raises
    ------
    UserError
        A value is out of range; the message names it.

    >>> Recipe(zero_ratio=0.0).zero_ratio_of("conv", first=True)
    0.0
    """

    criterion: str = "zero-keep"
    zero_ratio: float = 0.85
    first_zero_ratio: float = 0.3
    linear_zero_ratio: float = 0.6
    filter_ratio: float = 0.25
    epochs: int | None = None
    distil: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        """Check every value."""
        if self.criterion not in CRITERIA:
            raise UserError(f"unknown criterion {self.criterion!r}; there is {', '.join(CRITERIA)}")
        for name in ("zero_ratio", "first_zero_ratio", "linear_zero_ratio"):
            check_ratio(name.replace("_", " "), getattr(self, name))
        check_ratio("filter ratio", self.filter_ratio, below_one=True)
        if self.epochs is not None:
            check_count("epochs", self.epochs, 0)
        check_count("seed", self.seed, 0)

    @classmethod
    def unpruned(cls, seed: int = 0) -> Recipe:
        """Quantise only: no zeros, no filter removed, no fine-tuning."""
        return cls(criterion="none", zero_ratio=0.0, filter_ratio=0.0, epochs=0, seed=seed)

    @property
    def removes_filters(self) -> bool:
        """Whether any filter may go."""
        return self.criterion != "none" and self.filter_ratio > 0

    def zero_ratio_of(self, op: str, *, first: bool) -> float:
        """The zero ratio of a layer: `op` is ``"conv"`` or ``"linear"``."""
        if op == "linear":
            return min(self.zero_ratio, self.linear_zero_ratio)
        return min(self.zero_ratio, self.first_zero_ratio) if first else self.zero_ratio

    def epochs_for(self, images: int) -> int:
        """Passes of fine-tuning over that many training `images`."""
        if self.epochs is not None:
            return self.epochs
        if self.zero_ratio == 0 and not self.removes_filters:
            return 0
        return min(MOST_EPOCHS, max(1, IMAGES_TO_SEE // images))

    def as_dict(self, images: int) -> dict[str, object]:
        """Every value, with `epochs` resolved for that many training `images`."""
        return asdict(self) | {"epochs": self.epochs_for(images)}

    def options(self, images: int) -> str:
        """The options of ``zerokeep prune`` that ask for the same again, `epochs` resolved."""
        return " ".join([
            f"--criterion {self.criterion}", f"--zero-ratio {self.zero_ratio}",
            f"--first-zero-ratio {self.first_zero_ratio}", f"--linear-zero-ratio {self.linear_zero_ratio}",
            f"--filter-ratio {self.filter_ratio}", f"--epochs {self.epochs_for(images)}",
            "--distil" if self.distil else "--no-distil", f"--seed {self.seed}",
        ])  # fmt: skip
