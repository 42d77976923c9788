"""gpkit's ways of computing one evidence, and what it would choose."""

import jax

jax.config.update("jax_enable_x64", True)

import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402

import gpkit as gp  # noqa: E402
from gpkit.solvers import Dense, Iterative, choose  # noqa: E402
from gpkit.solvers.costs import STORED_SHARE, tile_bytes  # noqa: E402

_ROOM = "64GB"


class Problem:
    """Rows, and the solvers that can be asked for them."""

    def __init__(self, X, y, memories):
        self.X, self.y, self._memories = jnp.asarray(X), jnp.asarray(y), memories
        n, d = X.shape
        self._scale = jnp.full(d, 1.5 * d**0.5)
        tiles = tile_bytes(n, "float32")
        self._known = {
            "dense": Dense(),
            "whole": Iterative(memory=_ROOM, rank="full"),
            "stored": Iterative(memory=_ROOM),
            # A little less than stored tiles would need.
            "recomputed": Iterative(memory=int(0.98 * tiles / STORED_SHARE)),
        }

    def choices(self):
        """By memory: the name that is chosen, and those that fit; absent where nothing does."""
        found = {}
        for memory in self._memories:
            try:
                choice = choose(*self.X.shape, memory=memory)
            except ValueError:
                continue
            eligible = [option.name for option in choice.alternatives if option.eligible]
            if "stored" in eligible:
                # Where tiles fit, evaluating them anew is possible as well.
                eligible.append("recomputed")
            expected = {option.name: option.seconds for option in choice.alternatives}
            found[memory] = {"name": choice.name, "eligible": eligible, "expected": expected}
        return found

    def solvers(self, limit):
        """Names of what is timed; dense where its arrays stay below `limit` bytes.

        Few rows can't be made to be recomputed: what is too small for their tiles is too small for
        the columns of the gradient.
        """
        dense = 4 * 8 * self.X.shape[0] ** 2 <= limit
        names = [name for name in self._known if dense or name != "dense"]
        return [name for name in names if name != "recomputed" or self._fits(name)]

    def _fits(self, name):
        try:
            jax.eval_shape(self._function(name), *self._arguments(1.0))
        except ValueError:
            return False
        return True

    def evidence(self, name):
        """A function of the noise: value and gradient, all work done; returns the status."""
        function = self._function(name)

        def evaluate(noise):
            (_, status), _ = jax.block_until_ready(function(*self._arguments(noise)))
            return int(np.asarray(status))

        return evaluate

    def _arguments(self, noise):
        return self._scale, jnp.asarray(noise), self.X, self.y, jax.random.key(0)

    def _function(self, name):
        solver = self._known[name]

        @jax.jit
        def function(scale, noise, X, y, key):
            def value(scale, noise):
                kernel = 1.0 * gp.kernels.Matern32(lengthscale=scale)
                model = gp.GP(kernel, noise=gp.noise.Gaussian(noise))
                found = gp.log_evidence(model, X, y, solver=solver, key=key)
                return found.value, found.status

            return jax.value_and_grad(value, argnums=(0, 1), has_aux=True)(scale, noise)

        return function
