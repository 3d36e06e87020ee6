"""The families of metrics: what measuring one takes, and how its results are read."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Result:
    """One value of a measurement: how it is read."""

    title: str
    better: Literal["lower", "higher", "match"]  # match: the nearer to the floor (the value of real images), the better
    source: str
    unit: str = ""  # "" for a pure number
    counts: str = "images"  # what the number in the name counts
    chance: float = 0.0  # two values of one generator differ by so much
    unpublished: str = ""  # its name with another network than the published; "": its own
    unpublished_title: str = ""  # its title then; "": its own


@dataclass(frozen=True)
class Metric:
    """One family of metrics: what measuring it takes, and the results it gives."""

    results: dict[str, Result]  # by the name that stands in the record
    k: int  # how many of what it counts the letter k stands for
    images_each: int  # generated images per counted thing
    needs_real: bool  # False: real images only give the floor
    needs_network: bool  # the published Inception network, or another in its place
    minimum_resolution: int  # pixels; below it the metric is not defined
    example: str  # the name of the published protocol
    kept_bytes: int = 0  # for each image, in the memory of the main process while it is measured; 0: hardly any
    working_bytes: int = 0  # more while two sets are compared
    working_bytes_each: int = 0  # more then for each image, in the libraries' own copies
    by_level: bool = False  # as many for each halving of the image down to 16 px
    least: int = 2  # of what it counts, on either side: of fewer there is no value
    equal_counts: bool = False  # whether it compares as many generated as real images only

    @property
    def title(self) -> str:
        return ", ".join(result.title for result in self.results.values())

    @property
    def counts(self) -> str:
        return next(iter(self.results.values())).counts


FEATURES = 12_000  # bytes: 2,048 features and 1,008 logits

METRICS = {
    "swd": Metric(
        results={
            "swd": Result(
                title="Sliced Wasserstein distance",
                better="lower",
                source="arXiv 1710.10196 section 5",
                unit="x 1000",
            )
        },
        k=1024,
        images_each=1,
        needs_real=True,
        needs_network=False,
        minimum_resolution=16,
        example="swd16k",
        kept_bytes=128 * 147 * 4,  # descriptors
        working_bytes=2**28,
        by_level=True,
        equal_counts=True,
    ),
    "msssim": Metric(
        results={
            "msssim": Result(
                title="MS-SSIM of generated pairs",
                better="match",
                source="Wang et al. 2003; arXiv 1610.09585 section 4.2",
                counts="pairs",
            )
        },
        k=1000,
        images_each=2,
        needs_real=False,
        needs_network=False,
        minimum_resolution=16,
        example="msssim10k",
    ),
    "fid": Metric(
        results={
            "fid": Result(
                title="Fréchet Inception distance",
                better="lower",
                source="arXiv 1706.08500",
                unpublished="fd",
                unpublished_title="Fréchet distance",
            )
        },
        k=1000,
        images_each=1,
        needs_real=True,
        needs_network=True,
        minimum_resolution=4,
        example="fid50k",
        kept_bytes=FEATURES,
        working_bytes_each=20_000,  # the features in double precision
    ),
    "kid": Metric(
        results={
            "kid": Result(
                title="Kernel Inception distance",
                better="lower",
                source="arXiv 1801.01401: cubic polynomial kernel, 100 subsets of 1,000",
                unpublished="kd",
                unpublished_title="Kernel distance",
            )
        },
        k=1000,
        images_each=1,
        needs_real=True,
        needs_network=True,
        minimum_resolution=4,
        example="kid50k",
        kept_bytes=FEATURES,
        least=1000,
    ),
    "is": Metric(
        results={
            "is": Result(
                title="Inception score",
                better="higher",
                source="arXiv 1606.03498: 10 parts",
                unpublished="cs",
                unpublished_title="Classifier score",
            )
        },
        k=1000,
        images_each=1,
        needs_real=False,
        needs_network=True,
        minimum_resolution=4,
        example="is50k",
        kept_bytes=FEATURES,
        least=10,
    ),
    "pr": Metric(
        results={
            "precision": Result(
                title="Improved precision in Inception features",
                better="higher",
                source="arXiv 1904.06991: 3 nearest neighbours, with Inception in place of VGG-16",
                unpublished_title="Improved precision",
            ),
            "recall": Result(
                title="Improved recall in Inception features",
                better="higher",
                source="arXiv 1904.06991: 3 nearest neighbours, with Inception in place of VGG-16",
                unpublished_title="Improved recall",
            ),
        },
        k=1000,
        images_each=1,
        needs_real=True,
        needs_network=True,
        minimum_resolution=4,
        example="pr50k",
        kept_bytes=FEATURES,
        working_bytes_each=200_000,  # five copies of its distances to 10,000 others
        least=4,
    ),
    "modes": Metric(
        results={
            "ndb": Result(
                title="Share of statistically different bins of thumbnails",
                better="lower",
                source="arXiv 1805.12462",
                chance=0.1,  # two deviations of the difference of two shares of 100 bins, each about 0.15
            ),
            "spread": Result(
                title="Mean distance between two thumbnails",
                better="match",
                source="module modes",
            ),
        },
        k=1000,
        images_each=1,
        needs_real=True,
        needs_network=False,
        minimum_resolution=4,
        example="modes5k",
    ),
    "energy": Metric(
        results={
            "energy": Result(
                title="Energy distance of thumbnails under random projections",
                better="lower",
                source="Székely and Rizzo 2013; Lopes, Jacob and Wainwright 2011",
                unit="x 1000",
            )
        },
        k=1000,
        images_each=1,
        needs_real=True,
        needs_network=False,
        minimum_resolution=4,
        example="energy2k",
    ),
    "parzen": Metric(
        results={
            "parzen": Result(
                title="Gaussian Parzen-window log-likelihood, which says little of samples (arXiv 1511.01844)",
                better="higher",
                source="Breuleux, Bengio and Vincent 2010; arXiv 1406.2661 section 5",
                unit="nats an image",
            )
        },
        k=1000,
        images_each=1,
        needs_real=True,
        needs_network=False,
        minimum_resolution=4,
        example="parzen10k",
        kept_bytes=12_000,  # thumbnails
        working_bytes=2**28,
        working_bytes_each=74_000,  # of both sets, in double precision, as they are and centred
        least=20,
    ),
}
