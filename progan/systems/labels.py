"""What systems that are given labels ask of the data."""

from progan.types import DataSpec, LabelsMissing


def require_labels(data: DataSpec, system: str) -> None:
    """LabelsMissing for unlabelled data."""
    if not data.num_classes:
        rule = f"its images have no labels, which {system} is given"
        raise LabelsMissing(f"data.path: {rule}; prepare the set with labels: progan prepare --label")
