"""What systems ask of the labels of the data."""

from progan.types import ConfigError, DataSpec, LabelsMissing


def require_labels(data: DataSpec, system: str) -> None:
    """LabelsMissing for unlabelled data."""
    if not data.num_classes:
        rule = f"its images have no labels, which {system} is given"
        raise LabelsMissing(f"data.path: {rule}; prepare the set with labels: progan prepare --label")


def require_one_class_an_image(data: DataSpec) -> None:
    """LabelsMissing for unlabelled data, ConfigError for several labels an image."""
    if data.num_classes and not data.multilabel:
        return
    held = "have several labels each" if data.multilabel else "have no labels"
    raise (ConfigError if data.num_classes else LabelsMissing)(
        f"data.path: its images {held}; semi-supervised learning takes one class an image: prepare the set with one, "
        "such as --label class"
    )


def require_attributes(data: DataSpec, system: str) -> None:
    """LabelsMissing for unlabelled data, ConfigError for one class an image."""
    require_labels(data, system)
    if not data.multilabel:
        rule = "its images have one class each, and captions are made of several attributes"
        raise ConfigError(f"data.path: {rule}; prepare the set with some: progan prepare --label Smiling,Male")
