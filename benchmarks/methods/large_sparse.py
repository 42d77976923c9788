"""GPyTorch's inducing-point methods: SGPR and SVGP, float32, Matern-3/2, constant mean.

Settings: ``method`` is "sgpr" or "svgp", ``inducing`` the number of points (rows at random to
begin with), ``epochs`` and ``lr`` those of Adam; SVGP takes batches of ``batch`` rows.
"""

import os

import gpytorch
import torch
from gpytorch.kernels import InducingPointKernel, MaternKernel, ScaleKernel

torch.set_num_threads(int(os.environ["GPKIT_BENCHMARK_THREADS"]))
_PREDICT_ROWS = 1024


class Sgpr(gpytorch.models.ExactGP):
    """Titsias (2009) through an inducing-point kernel."""

    def __init__(self, X, y, likelihood, points):
        super().__init__(X, y, likelihood)
        self.mean_module = gpytorch.means.ConstantMean()
        base = ScaleKernel(MaternKernel(nu=1.5, ard_num_dims=X.shape[1]))
        self.covar_module = InducingPointKernel(base, points, likelihood)

    def forward(self, x):
        return gpytorch.distributions.MultivariateNormal(self.mean_module(x), self.covar_module(x))


class Svgp(gpytorch.models.ApproximateGP):
    """Hensman, Fusi and Lawrence (2013), whitened, inducing points learned."""

    def __init__(self, points):
        distribution = gpytorch.variational.CholeskyVariationalDistribution(len(points))
        strategy = gpytorch.variational.VariationalStrategy(self, points, distribution)
        super().__init__(strategy)
        self.mean_module = gpytorch.means.ConstantMean()
        self.covar_module = ScaleKernel(MaternKernel(nu=1.5, ard_num_dims=points.shape[1]))

    def forward(self, x):
        return gpytorch.distributions.MultivariateNormal(self.mean_module(x), self.covar_module(x))


class Trainer:
    """One call of `advance` is one epoch; one step of SGPR takes all rows."""

    def __init__(self, X, y, settings):
        torch.manual_seed(settings["seed"])
        self._X, self._y = (torch.as_tensor(v, dtype=torch.float32) for v in (X, y))
        self._settings, self._epoch = settings, 0
        self._likelihood = gpytorch.likelihoods.GaussianLikelihood()
        points = self._X[torch.randperm(len(self._X))[: settings["inducing"]]].clone()
        parameters = self._build(points)
        self._adam = torch.optim.Adam(parameters, lr=settings["lr"])
        self._model.train()
        self._likelihood.train()

    def _build(self, points):
        if self._settings["method"] == "sgpr":
            self._model = Sgpr(self._X, self._y, self._likelihood, points)
            kind = gpytorch.mlls.ExactMarginalLogLikelihood
            self._objective = kind(self._likelihood, self._model)
            return self._model.parameters()
        self._model = Svgp(points)
        self._objective = gpytorch.mlls.VariationalELBO(
            self._likelihood, self._model, num_data=len(self._y)
        )
        return [*self._model.parameters(), *self._likelihood.parameters()]

    def advance(self):
        rows, losses = len(self._y), []
        batch = self._settings.get("batch", rows)
        for index in torch.randperm(rows).split(batch):
            # SGPR recognises its training rows only if they are the very same.
            X, y = (self._X, self._y) if batch >= rows else (self._X[index], self._y[index])
            self._adam.zero_grad()
            loss = -self._objective(self._model(X), y)
            loss.backward()
            self._adam.step()
            losses.append(loss.item())
        self._epoch += 1
        point = {"step": self._epoch, "losses": [sum(losses) / len(losses)]}
        return {"done": self._epoch >= self._settings["epochs"], "points": [point]}

    def predict(self, X_new):
        self._model.eval()
        self._likelihood.eval()
        means, stds = [], []
        for batch in torch.as_tensor(X_new, dtype=torch.float32).split(_PREDICT_ROWS):
            with torch.no_grad():
                observed = self._likelihood(self._model(batch))
                means.append(observed.mean)
                stds.append(observed.stddev)
        return torch.cat(means).numpy(), torch.cat(stds).numpy()


def trainer(X, y, settings):
    return Trainer(X, y, settings)
