"""What to do to a network: criterion, zeros, filters, fine-tuning, seed. Plain values; knows no PyTorch, no numpy."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields

from zerokeep.criteria import CRITERIA
from zerokeep.criteria.criterion import Criterion
from zerokeep.errors import UserError, check_count, check_ratio, is_number

THRESHOLDS = {
    "layer": "the same share of each layer",
    "global": "a share of the whole network, by LAMP score",
    "deviation": "a multiple of each layer's standard deviation",
    "cycles": "a share of the network, by LAMP score for each cycle",
}
SCHEDULES = {
    "one-shot": "all zeros at once, then fine-tuning",
    "gradual": "zeros grow during the first half of fine-tuning",
}
PRECISIONS = ("float32", "bfloat16")
IMAGES_TO_SEE = 720_000
MOST_EPOCHS = 40
MOST_DEVIATIONS = 10


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One way to prune.

    Parameters
    ----------
    criterion
        A key of ``zerokeep.criteria.CRITERIA``: which filters go, and whether weights are set to zero.
    threshold
        A key of ``THRESHOLDS``: how the line is drawn below which a weight is set to zero. A
        criterion that has its own takes that.
    zero_ratio
        Share of the weights set to zero, 0 to 1: of each layer, or of the network. For ``"deviation"``: the multiple
        of the standard deviation, 0 to 10.
    first_zero_ratio, linear_zero_ratio
        For ``"layer"``: at most this share of the first convolution, and of linear layers.
    filter_ratio
        Share of each group of filters removed, rounded down; 0 to less than 1.
    nzer_orig
        Non-zero weights to leave, as a share of the unpruned network's: the zero ratio (for ``"filters-only"`` the
        filter ratio) is then found, and the one given is not used. ``None``: the ratios count.
    schedule
        A key of ``SCHEDULES``.
    epochs
        Passes of fine-tuning over the training images, 0 or more; ``None`` for as many as see no more than
        720,000 images (12 with the full set, at most 40), and 0 where nothing is pruned.
    distil
        Whether fine-tuning also follows the answers of the unpruned network.
    qat_epochs
        Passes with weights and activations rounded as the integers will be, after those.
    shift
        Pixels by which images are moved at random in fine-tuning, 0 or more; where the data may be changed, they are
        mirrored, too.
    precision
        Of the multiplications in fine-tuning, one of ``PRECISIONS``.
    seed
        Of the random criterion, and of order and augmentation in fine-tuning.

    Raises
    ------
    UserError
        A value is out of range; the message names it.
    """

    criterion: str = "zero-keep"
    threshold: str = "layer"
    zero_ratio: float = 0.9
    first_zero_ratio: float = 0.3
    linear_zero_ratio: float = 0.6
    filter_ratio: float = 0.125
    nzer_orig: float | None = None
    schedule: str = "gradual"
    epochs: int | None = None
    distil: bool = True
    qat_epochs: int = 0
    shift: int = 0
    precision: str = "float32"
    seed: int = 0

    def __post_init__(self) -> None:
        """Check every value."""
        for name, choices in (("criterion", CRITERIA), ("threshold", THRESHOLDS), ("schedule", SCHEDULES),
                              ("precision", PRECISIONS)):
            given = getattr(self, name)
            if not isinstance(given, str) or given not in choices:
                raise UserError(f"unknown {name} {given!r:.60}; there is {', '.join(choices)}")
        if not isinstance(self.distil, bool):
            raise UserError(f"distil must be true or false, not {self.distil!r:.60}")
        if self.line == "deviation":
            if not is_number(self.zero_ratio) or not 0 <= self.zero_ratio <= MOST_DEVIATIONS:
                raise UserError(f"zero ratio must be from 0 to {MOST_DEVIATIONS} standard deviations, "
                                f"not {self.zero_ratio!r:.60}")
        else:
            check_ratio("zero ratio", self.zero_ratio)
        for name in ("first_zero_ratio", "linear_zero_ratio"):
            check_ratio(name.replace("_", " "), getattr(self, name))
        check_ratio("filter ratio", self.filter_ratio, below_one=True)
        if self.nzer_orig is not None and not 0 < check_ratio("nzer_orig", self.nzer_orig):
            raise UserError(f"nzer_orig must be above 0, not {self.nzer_orig}")
        if self.epochs is not None:
            check_count("epochs", self.epochs, 0)
        check_count("qat epochs", self.qat_epochs, 0)
        check_count("shift", self.shift, 0)
        check_count("seed", self.seed, 0)

    @classmethod
    def unpruned(cls, seed: int = 0) -> Recipe:
        """Quantise only: no zeros, no filter removed, no fine-tuning."""
        return cls(criterion="zeros-only", threshold="layer", zero_ratio=0.0, filter_ratio=0.0, epochs=0, seed=seed,
                   schedule="one-shot", nzer_orig=None, qat_epochs=0)

    @property
    def chosen(self) -> Criterion:
        """The criterion itself."""
        return CRITERIA[self.criterion]

    @property
    def line(self) -> str:
        """The threshold that counts: the criterion's own, where it has one."""
        return self.chosen.threshold or self.threshold

    @property
    def removes_filters(self) -> bool:
        """Whether any filter may go."""
        return self.chosen.rank is not None and (self.filter_ratio > 0 or not self.chosen.zeros)

    @property
    def prunes(self) -> bool:
        """Whether anything may go."""
        return self.removes_filters or self.nzer_orig is not None or (self.chosen.zeros and self.zero_ratio > 0)

    def limits(self, layers: list[tuple[str, str]]) -> dict[str, float]:
        """The largest zero ratio of the layers that bear less than any, for ``"layer"``.

        Parameters
        ----------
        layers
            Name and op (``"conv"`` or ``"linear"``) of each, in order.

        >>> Recipe().limits([("a", "conv"), ("b", "conv"), ("c", "linear")])
        {'a': 0.3, 'c': 0.6}
        """
        found = {name: self.linear_zero_ratio for name, op in layers if op == "linear"}
        first = next((name for name, op in layers if op == "conv"), None)
        return ({first: self.first_zero_ratio} if first is not None else {}) | found

    def epochs_for(self, images: int) -> int:
        """Passes of fine-tuning over that many training `images`."""
        if self.epochs is not None:
            return self.epochs
        return min(MOST_EPOCHS, max(1, IMAGES_TO_SEE // images)) if self.prunes else 0

    def as_dict(self, images: int) -> dict[str, object]:
        """Every value, with `epochs` resolved for that many training `images`."""
        return asdict(self) | {"epochs": self.epochs_for(images)}

    def options(self, images: int) -> str:
        """The options of ``zerokeep prune`` that ask for the same again, `epochs` resolved."""
        values = self.as_dict(images)
        words = []
        for name in (field.name for field in fields(self)):
            value = values[name]
            if name == "distil":
                words.append("--distil" if value else "--no-distil")
            elif value is not None:
                words.append(f"--{name.replace('_', '-')} {value}")
        return " ".join(words)
