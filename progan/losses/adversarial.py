"""The terms of the game itself. Scores are taken to fp32 before anything is summed."""

from torch import Tensor
from torch.nn import functional as F

from progan.losses.objective import Round, Term


class WassersteinCritic(Term):
    """mean D(fake) - mean D(real) (arXiv 1704.00028, equation 3)."""

    reads_real = True

    def forward(self, game: Round) -> Tensor:
        return game.on_fake.score.float().mean() - game.on_real.score.float().mean()


class WassersteinGenerator(Term):
    """-mean D(fake)."""

    def forward(self, game: Round) -> Tensor:
        return -game.on_fake.score.float().mean()


class Drift(Term):
    """mean D(real)^2: keeps the critic's scores near zero (arXiv 1710.10196, appendix A.1)."""

    reads_real = True

    def forward(self, game: Round) -> Tensor:
        return game.on_real.score.float().square().mean()


class LogisticDiscriminator(Term):
    """-E log D(real) - E log(1 - D(fake)) with D = sigmoid(score) (arXiv 1406.2661, equation 1).

    `real_target` < 1: one-sided label smoothing, -E (t log D(real) + (1 - t) log(1 - D(real))) (arXiv 1606.03498, 3.4).
    """

    reads_real = True

    def __init__(self, real_target: float = 1.0) -> None:
        super().__init__()
        self.real_target = real_target

    def forward(self, game: Round) -> Tensor:
        real, fake = game.on_real.score.float(), game.on_fake.score.float()
        # -t log s(x) - (1 - t) log(1 - s(x)) = softplus(-x) + (1 - t) x
        return (F.softplus(-real) + (1 - self.real_target) * real).mean() + F.softplus(fake).mean()


class MinimaxGenerator(Term):
    """E log(1 - D(fake)), the game's own value: vanishes where D is sure (arXiv 1406.2661, equation 1)."""

    def forward(self, game: Round) -> Tensor:
        return -F.softplus(game.on_fake.score.float()).mean()


class LogisticGenerator(Term):
    """The non-saturating form, -E log D(fake) (arXiv 1406.2661, section 3)."""

    def forward(self, game: Round) -> Tensor:
        return F.softplus(-game.on_fake.score.float()).mean()


class RelativisticDiscriminator(Term):
    """-E log sigmoid(D(real) - D(fake)) over pairs of a real and a generated image (arXiv 1807.00734, equation 3)."""

    reads_real = True

    def forward(self, game: Round) -> Tensor:
        return F.softplus(game.on_fake.score.float() - game.on_real.score.float()).mean()


class RelativisticGenerator(Term):
    """The same with the two exchanged; its pairs have real images of their own (arXiv 2501.05441, equation 2)."""

    reads_real = True

    def forward(self, game: Round) -> Tensor:
        return F.softplus(game.on_real.score.float() - game.on_fake.score.float()).mean()
