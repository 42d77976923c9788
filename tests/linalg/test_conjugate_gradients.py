import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.sparse.linalg

from gpkit.linalg.conjugate_gradients import cg, quadratic_form
from gpkit.results import Status
from tests.linalg.calculus import TRANSFORMATIONS, derivative

N = 40


def product(v, a):
    return a @ v


def with_spectrum(values, seed=0):
    q, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(len(values), len(values))))
    return jnp.asarray(q @ np.diag(values) @ q.T)


def rhs(k=3, seed=1):
    return jnp.asarray(np.random.default_rng(seed).normal(size=(N, k)))


SPECTRA = {
    "identity": np.ones(N),
    "two values": np.where(np.arange(N) < 5, 7.0, 2.0),
    "condition 1e2": np.logspace(0, 2, N),
    "condition 1e4": np.logspace(-4, 0, N),
    "condition 1e6": np.logspace(-3, 3, N),
    "tiny": 1e-150 * np.logspace(0, 2, N),
    "huge": 1e150 * np.logspace(0, 2, N),
}
solve = jax.jit(lambda a, b, rtol, x0: cg(product, b, a, rtol=rtol, x0=x0, max_steps=400))
zeros = jnp.zeros((N, 3))


@pytest.mark.parametrize("name", SPECTRA)
def test_solution_and_true_residual(name):
    a, b = with_spectrum(SPECTRA[name]), rhs()
    result = solve(a, b, 1e-10, zeros)
    residual = np.linalg.norm(b - a @ result.solution, axis=0)
    scale = 1e-13 * float(np.max(np.abs(a)) * np.max(np.abs(result.solution)))
    np.testing.assert_allclose(result.residual, b - a @ result.solution, atol=N * scale)
    assert (result.status == Status.SUCCESS).all()
    assert (residual <= 1e-10 * np.linalg.norm(b, axis=0)).all()
    np.testing.assert_allclose(result.residual_norm, residual, rtol=1e-2, atol=1e-13)
    reference = np.linalg.solve(a, b)
    condition = np.max(SPECTRA[name]) / np.min(SPECTRA[name])
    error = np.linalg.norm(result.solution - reference, axis=0)
    assert (error <= 2e-10 * condition * np.linalg.norm(reference, axis=0)).all()


def test_few_distinct_eigenvalues_need_as_few_steps():
    assert (solve(with_spectrum(SPECTRA["identity"]), rhs(), 1e-10, zeros).num_steps == 1).all()
    assert (solve(with_spectrum(SPECTRA["two values"]), rhs(), 1e-10, zeros).num_steps == 2).all()


def test_agrees_with_scipy():
    a, b = with_spectrum(SPECTRA["condition 1e4"]), rhs()
    reference, info = scipy.sparse.linalg.cg(np.asarray(a), np.asarray(b[:, 0]), rtol=1e-12)
    assert info == 0
    result = solve(a, b, 1e-12, zeros)
    np.testing.assert_allclose(result.solution[:, 0], reference, rtol=1e-7, atol=1e-7)


def test_columns_do_not_disturb_each_other():
    a, b = with_spectrum(SPECTRA["condition 1e4"]), rhs()
    together = solve(a, b, 1e-8, zeros)
    one = jax.jit(lambda b: cg(product, b, a, rtol=1e-8).solution)
    alone = jnp.stack([one(b[:, j]) for j in range(3)], axis=1)
    np.testing.assert_allclose(together.solution, alone, rtol=1e-5, atol=1e-5)


def test_tolerance_per_column_freezes_the_loose_one():
    a, b = with_spectrum(SPECTRA["condition 1e4"]), rhs()
    rtol = jnp.array([1e-1, 1e-6, 1e-10])
    result = solve(a, b, rtol, zeros)
    assert (result.status == Status.SUCCESS).all()
    assert result.num_steps[0] < result.num_steps[1] < result.num_steps[2]
    sooner = solve(a, b, jnp.array([1e-1, 1e-1, 1e-1]), zeros)
    np.testing.assert_allclose(result.solution[:, 0], sooner.solution[:, 0], rtol=1e-12)


def test_zero_right_hand_side_needs_nothing():
    a = with_spectrum(SPECTRA["condition 1e2"])
    result = solve(a, rhs().at[:, 1].set(0.0), 1e-8, jnp.ones((N, 3)))
    np.testing.assert_array_equal(result.solution[:, 1], 0.0)
    assert result.num_steps[1] == 0
    assert (result.status == Status.SUCCESS).all()


def test_warm_start_saves_steps_and_leaves_the_derivative_alone():
    a, b = with_spectrum(SPECTRA["condition 1e4"]), rhs()
    exact = jnp.linalg.solve(a, b)
    assert (solve(a, b, 1e-8, exact).num_steps == 0).all()
    near = solve(a, b, 1e-8, exact * (1 + 1e-6))
    assert (near.num_steps < solve(a, b, 1e-8, zeros).num_steps).all()

    def loss(s, x0):
        return jnp.sum(jnp.sin(cg(product, b, s * a, rtol=1e-12, x0=x0).solution))

    slope = jax.jit(jax.grad(lambda s: loss(s, s * exact)))(1.0)
    np.testing.assert_allclose(slope, jnp.sum(jnp.cos(exact) * -exact), rtol=1e-6)


def failing_operators():
    definite = with_spectrum(SPECTRA["condition 1e2"])
    indefinite = with_spectrum(np.where(np.arange(N) == 3, -2.0, np.linspace(1, 2, N)))
    skew = np.triu(np.ones((N, N)), 1)
    singular = jnp.diag(jnp.linspace(0.0, 1.0, N).at[1].set(0.0))
    return {
        "indefinite": (indefinite, {Status.INDEFINITE}),
        "negative": (-definite, {Status.INDEFINITE}),
        "zero": (0 * definite, {Status.BREAKDOWN}),
        "skew": (jnp.asarray(skew - skew.T), {Status.BREAKDOWN}),
        "nan": (definite.at[2, 3].set(jnp.nan), {Status.NON_FINITE}),
        "infinite": (definite.at[2, 2].set(jnp.inf), {Status.NON_FINITE}),
        "singular": (singular, {Status.STAGNATED, Status.BREAKDOWN, Status.INDEFINITE}),
        "slow": (with_spectrum(np.logspace(-12, 0, N)), {Status.MAX_STEPS}),
    }


@pytest.mark.parametrize("name", failing_operators())
def test_each_failure_has_its_own_status_and_a_finite_solution(name):
    a, expected = failing_operators()[name]
    result = solve(a, rhs(), 1e-10, zeros)
    assert {Status(int(s)) for s in result.status} <= expected
    assert bool(jnp.isfinite(result.solution).all())


def test_no_progress_for_patience_steps_is_stagnation():
    a = with_spectrum(np.logspace(-12, 0, N))
    result = cg(product, rhs(), a, rtol=1e-10, max_steps=400, patience=20)
    assert (result.status == Status.STAGNATED).all()
    assert result.num_products < 400


def test_limit_of_the_arithmetic_is_stagnation():
    a, b = with_spectrum(SPECTRA["condition 1e2"]), rhs()
    result = solve(a, b, 1e-18, zeros)
    assert (result.status == Status.STAGNATED).all()
    assert (result.residual_norm < 1e-12 * np.linalg.norm(b, axis=0)).all()


def test_bad_column_leaves_the_others_alone():
    a, b = with_spectrum(SPECTRA["condition 1e2"]), rhs()
    result = solve(a, b.at[4, 1].set(jnp.nan), 1e-8, zeros)
    assert list(result.status) == [Status.SUCCESS, Status.NON_FINITE, Status.SUCCESS]
    np.testing.assert_allclose(
        result.solution[:, ::2], solve(a, b, 1e-8, zeros).solution[:, ::2], rtol=1e-12
    )


def test_preconditioner():
    a, b = with_spectrum(SPECTRA["condition 1e6"]), rhs()
    inverse = jnp.linalg.inv(a)
    result = jax.jit(lambda a, b: cg(product, b, a, preconditioner=lambda v: inverse @ v))(a, b)
    assert (result.num_steps <= 2).all()
    np.testing.assert_allclose(result.solution, jnp.linalg.solve(a, b), rtol=1e-4, atol=1e-4)
    indefinite = cg(product, b, a, preconditioner=lambda v: -v)
    assert (indefinite.status == Status.INDEFINITE).all()


def test_no_derivative_runs_through_the_preconditioner():
    a, b = with_spectrum(SPECTRA["condition 1e2"]), rhs()

    def loss(s):
        m = s**3 * a
        return jnp.sum(cg(product, b, s * a, rtol=1e-12, preconditioner=lambda v: m @ v).solution)

    exact = jnp.sum(jnp.linalg.solve(a, b))
    np.testing.assert_allclose(jax.jvp(loss, (1.0,), (1.0,))[1], -exact, rtol=1e-7)


def test_lanczos_coefficients():
    a, b = with_spectrum(SPECTRA["condition 1e2"]), rhs()
    depth = 6
    result = jax.jit(lambda b: cg(product, b, a, rtol=1e-10, depth=depth))(b)
    for j in range(3):
        q = [np.asarray(b[:, j]) / np.linalg.norm(b[:, j])]
        for _ in range(depth - 1):
            w = a @ q[-1]
            for _ in range(2):
                w = w - np.stack(q).T @ (np.stack(q) @ w)
            q.append(w / np.linalg.norm(w))
        t = np.stack(q) @ a @ np.stack(q).T
        np.testing.assert_allclose(result.diagonal[j], np.diag(t), rtol=1e-8)
        np.testing.assert_allclose(result.offdiagonal[j], np.diag(t, 1), rtol=1e-8)


def test_lanczos_coefficients_stop_with_the_column():
    result = cg(product, rhs(), with_spectrum(SPECTRA["two values"]), depth=5)
    np.testing.assert_allclose(result.diagonal[:, 2:], 1.0)
    np.testing.assert_allclose(result.offdiagonal[:, 1:], 0.0)
    for j in range(3):
        d, e = np.asarray(result.diagonal[j, :2]), float(result.offdiagonal[j, 0])
        np.testing.assert_allclose(np.linalg.eigvalsh([[d[0], e], [e, d[1]]]), [2, 7], rtol=1e-9)


def curve(solver):
    a, b = with_spectrum(SPECTRA["condition 1e2"]) / 50, rhs(1)[:, 0]
    shift = jnp.diag(jnp.linspace(0.0, 1.0, N))

    def f(t):
        return jnp.sum(jnp.sin(0.02 * solver(a + t**2 * shift, b * jnp.cos(t))))

    return f


@pytest.mark.parametrize("name", TRANSFORMATIONS)
def test_transformations(name):
    transform, order = TRANSFORMATIONS[name]
    t = jnp.asarray(0.7)
    f = transform(curve(lambda a, b: cg(product, b, a, rtol=1e-13).solution))
    reference = derivative(curve(jnp.linalg.solve), t, order)
    value = f(t) if name == "eager" else jax.jit(f)(t)
    np.testing.assert_allclose(value, reference, rtol=1e-8)


@pytest.mark.parametrize("name", TRANSFORMATIONS)
def test_transformations_of_the_quadratic_form(name):
    transform, order = TRANSFORMATIONS[name]
    t = jnp.asarray(0.7)
    f = transform(curve(lambda a, b: quadratic_form(product, b, a, rtol=1e-13).value))
    reference = derivative(curve(lambda a, b: b @ jnp.linalg.solve(a, b)), t, order)
    value = f(t) if name == "eager" else jax.jit(f)(t)
    np.testing.assert_allclose(value, reference, rtol=1e-8)


def test_closed_over_and_passed_parameters_agree():
    a, b = with_spectrum(SPECTRA["condition 1e2"]), rhs(1)[:, 0]
    passed = jax.jit(jax.grad(lambda a: jnp.sum(cg(product, b, a, rtol=1e-12).solution)))(a)
    closed = jax.jit(jax.grad(lambda a: jnp.sum(cg(lambda v: a @ v, b, rtol=1e-12).solution)))(a)
    np.testing.assert_allclose(closed, passed, rtol=1e-12)


def test_pytrees():
    a, b = with_spectrum(SPECTRA["condition 1e2"]), rhs(1)[:, 0]
    tree = {"head": b[:10].reshape(5, 2), "tail": b[10:]}

    def on_tree(v, params):
        w = params["a"] @ jnp.concatenate([v["head"].ravel(), v["tail"]])
        return {"head": w[:10].reshape(5, 2), "tail": w[10:]}

    def loss(params):
        x = cg(on_tree, tree, params, rtol=1e-12, x0=tree).solution
        return jnp.sum(x["head"] ** 2) + jnp.sum(x["tail"] ** 2)

    slope = jax.jit(jax.grad(loss))({"a": a})["a"]
    reference = jax.grad(lambda a: jnp.sum(jnp.linalg.solve(a, b) ** 2))(a)
    np.testing.assert_allclose(slope, reference, rtol=1e-7, atol=1e-12)


def test_complex_hermitian():
    rng = np.random.default_rng(3)
    root = jnp.asarray(rng.normal(size=(8, 8)) + 1j * rng.normal(size=(8, 8)))
    b = jnp.asarray(rng.normal(size=8) + 1j * rng.normal(size=8))

    def loss(solver):
        def of(s):
            a = root @ jnp.diag(s) @ root.conj().T + jnp.eye(8)
            return jnp.sum(jnp.abs(solver(a, b)) ** 2)

        return of

    s = jnp.linspace(1.0, 2.0, 8)
    ours, dense = loss(lambda a, b: cg(product, b, a, rtol=1e-12).solution), loss(jnp.linalg.solve)
    np.testing.assert_allclose(ours(s), dense(s), rtol=1e-9)
    np.testing.assert_allclose(jax.jit(jax.grad(ours))(s), jax.grad(dense)(s), rtol=1e-8)
    np.testing.assert_allclose(jax.jit(jax.jacfwd(ours))(s), jax.grad(dense)(s), rtol=1e-8)


def test_float32_stays_float32():
    a, b = with_spectrum(SPECTRA["condition 1e2"]).astype(jnp.float32), rhs().astype(jnp.float32)
    result = cg(product, b, a, rtol=1e-5)
    assert result.solution.dtype == result.residual_norm.dtype == jnp.float32
    assert (result.status == Status.SUCCESS).all()


def test_quadratic_form_is_a_second_order_lower_bound():
    a, b = with_spectrum(SPECTRA["condition 1e4"]), rhs()
    exact = jnp.sum(b * jnp.linalg.solve(a, b))
    form = quadratic_form(product, b, a, rtol=1e-2)
    assert form.value < exact
    gap = form.solve.solution - jnp.linalg.solve(a, b)
    np.testing.assert_allclose(exact - form.value, jnp.sum(gap * (a @ gap)), rtol=1e-6)


def test_quadratic_form_gradient_needs_no_second_solve_and_reports_its_own():
    a, b = with_spectrum(SPECTRA["condition 1e2"]), rhs()

    def form(a, b):
        result = quadratic_form(product, b, a, rtol=1e-12)
        return result.value, result.solve.status

    value, pullback, status = jax.vjp(form, a, b, has_aux=True)
    assert (status == Status.SUCCESS).all()
    backward = str(jax.make_jaxpr(pullback)(jnp.ones_like(value)))
    assert "while" not in backward
    assert "dot_general" not in backward
    x = jnp.linalg.solve(a, b)
    da, db = pullback(jnp.ones_like(value))
    np.testing.assert_allclose(da, -x @ x.T, rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(db, 2 * x, rtol=1e-8)
    assert (form(-a, b)[1] == Status.INDEFINITE).all()


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"x0": jnp.zeros((N + 1, 3))}, "x0"),
        ({"max_steps": 0}, "max_steps"),
        ({"depth": -1}, "depth"),
    ],
)
def test_bad_input_is_named(options, word):
    with pytest.raises(ValueError, match=word):
        cg(product, rhs(), jnp.eye(N), **options)
    with pytest.raises(ValueError, match="vector"):
        cg(product, jnp.zeros((2, N, 3)), jnp.eye(N))
