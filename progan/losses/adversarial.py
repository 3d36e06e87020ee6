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
    """-E log D(real) - E log(1 - D(fake)) with D = sigmoid(score) (arXiv 1406.2661, equation 1)."""

    reads_real = True

    def forward(self, game: Round) -> Tensor:
        return F.softplus(-game.on_real.score.float()).mean() + F.softplus(game.on_fake.score.float()).mean()


class LogisticGenerator(Term):
    """The non-saturating form, -E log D(fake) (arXiv 1406.2661, section 3)."""

    def forward(self, game: Round) -> Tensor:
        return F.softplus(-game.on_fake.score.float()).mean()
