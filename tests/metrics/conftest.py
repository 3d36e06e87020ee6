import io
from pathlib import Path

import pytest
import torch

from progan.metrics.features import torch_fidelity


@pytest.fixture(scope="session")
def unpublished_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file like the Inception weights in everything but the values, which are seeded noise of a sensible scale."""
    architecture = torch_fidelity("feature_extractor_inceptionv3").FeatureExtractorInceptionV3

    class Unloaded(architecture):  # type: ignore[misc, valid-type]
        def load_state_dict(self, *_: object, **__: object) -> None:
            """The architecture insists on loading a file; here it has none yet."""

    nothing = io.BytesIO()
    torch.save({}, nothing)
    nothing.seek(0)
    network = Unloaded("inception-v3-compat", ["2048"], nothing)
    draws = torch.Generator().manual_seed(0)
    for parameter in network.parameters():
        if parameter.dim() == 4:
            parameter.data.normal_(std=(2 / parameter[0].numel()) ** 0.5, generator=draws)
    path = tmp_path_factory.mktemp("inception") / "weights.pth"
    torch.save(network.state_dict(), path)
    return path
