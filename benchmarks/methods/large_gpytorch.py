"""GPyTorch's exact Gaussian process by conjugate gradients, float32, as it comes or matched.

Settings: ``profile`` is "stock" (nothing is set), "matched" (tolerance, rank, probes and Lanczos
steps as given, preconditioning at every size) or "cholesky".
"""

import os
import time

import gpytorch
import torch
from gpytorch.kernels import MaternKernel, ScaleKernel

torch.set_num_threads(int(os.environ["GPKIT_BENCHMARK_THREADS"]))

# Points of the training curve are this many steps apart.
STRIDE = 5
_PREDICT_ROWS = 256


class Exact(gpytorch.models.ExactGP):
    """A scaled Matern-3/2 kernel with one lengthscale per column."""

    def __init__(self, X, y, likelihood, mean):
        super().__init__(X, y, likelihood)
        self.mean_module = mean
        self.covar_module = ScaleKernel(MaternKernel(nu=1.5, ard_num_dims=X.shape[1]))

    def forward(self, x):
        return gpytorch.distributions.MultivariateNormal(self.mean_module(x), self.covar_module(x))


def enter_profile(settings):
    """Settings of the whole process."""
    profile, config = settings["profile"], gpytorch.settings
    if profile == "matched":
        config.cg_tolerance(settings["rtol"]).__enter__()
        config.max_preconditioner_size(settings["rank"]).__enter__()
        config.min_preconditioning_size(1).__enter__()
        config.num_trace_samples(settings["num_probes"]).__enter__()
        config.max_lanczos_quadrature_iterations(settings["depth"]).__enter__()
    elif profile == "cholesky":
        config.fast_computations(False, False, False).__enter__()
        config.max_cholesky_size(10**6).__enter__()
    elif profile != "stock":
        raise ValueError(f"profile must be stock, matched or cholesky, got {profile!r}")


def evidence_at(X, y, theta, settings):
    """Value and gradient at fixed parameters, zero mean; fresh probes in every call."""
    enter_profile(settings)
    dtype = getattr(torch, settings.get("dtype", "float32"))
    X, y = torch.as_tensor(X, dtype=dtype), torch.as_tensor(y, dtype=dtype)
    # The default bound of the noise, 1e-4, is one of the settings: it must lie inside.
    likelihood = gpytorch.likelihoods.GaussianLikelihood(
        noise_constraint=gpytorch.constraints.GreaterThan(1e-6)
    )
    model = Exact(X, y, likelihood, gpytorch.means.ZeroMean()).to(dtype)
    places = _places(model, likelihood)
    for module, name, key in places:
        module.initialize(**{name: torch.tensor(theta[key], dtype=dtype)})
    mll = gpytorch.mlls.ExactMarginalLogLikelihood(likelihood, model)
    model.train()

    def evaluate(number):
        torch.manual_seed(number)
        model.zero_grad()
        value = mll(model(X), y) * len(y)
        value.backward()
        return {"value": value.item(), "gradient": [s for p in places for s in log_slope(*p[:2])]}

    return evaluate


def _places(model, likelihood):
    kernel = model.covar_module
    return [
        (kernel, "outputscale", "variance"),
        (likelihood.noise_covar, "noise", "noise"),
        (kernel.base_kernel, "lengthscale", "lengthscale"),
    ]


def log_slope(module, name):
    """Slope in the logarithm of a parameter that is softplus(raw) + bound."""
    raw, value = getattr(module, f"raw_{name}"), getattr(module, name)
    bound = getattr(module, f"raw_{name}_constraint").lower_bound
    slope = raw.grad / -torch.expm1(bound - value.detach()) * value.detach()
    return slope.reshape(-1).tolist()


class Trainer:
    """Adam on the loss per row from GPyTorch's own start, constant mean."""

    def __init__(self, X, y, settings):
        enter_profile(settings)
        torch.manual_seed(settings["seed"])
        self._X, self._y = (torch.as_tensor(v, dtype=torch.float32) for v in (X, y))
        self._likelihood = gpytorch.likelihoods.GaussianLikelihood()
        mean = gpytorch.means.ConstantMean()
        self._model = Exact(self._X, self._y, self._likelihood, mean)
        self._mll = gpytorch.mlls.ExactMarginalLogLikelihood(self._likelihood, self._model)
        self._adam = torch.optim.Adam(self._model.parameters(), lr=settings["lr"])
        self._steps, self._step = settings["steps"], 0
        self._model.train()

    def advance(self):
        losses, seconds = [], []
        for _ in range(min(STRIDE, self._steps - self._step)):
            began = time.perf_counter()
            self._adam.zero_grad()
            loss = -self._mll(self._model(self._X), self._y)
            loss.backward()
            self._adam.step()
            losses.append(loss.item())
            seconds.append(time.perf_counter() - began)
        self._step += len(losses)
        point = {"step": self._step, "parameters": self._parameters(), "losses": losses}
        point["step_seconds"] = seconds
        return {"done": self._step >= self._steps, "points": [point]}

    def predict(self, X_new):
        self._model.eval()
        means, stds = [], []
        # In batches: version 1.15.2 evaluates the covariance of all test rows at once.
        for batch in torch.as_tensor(X_new, dtype=torch.float32).split(_PREDICT_ROWS):
            with torch.no_grad():
                observed = self._likelihood(self._model(batch))
                means.append(observed.mean)
                stds.append(observed.stddev)
        return torch.cat(means).numpy(), torch.cat(stds).numpy()

    def _parameters(self):
        kernel = self._model.covar_module
        return {
            "mean": self._model.mean_module.constant.item(),
            "variance": kernel.outputscale.item(),
            "noise": self._likelihood.noise.item(),
            "lengthscale": kernel.base_kernel.lengthscale.reshape(-1).tolist(),
        }


def trainer(X, y, settings):
    return Trainer(X, y, settings)
