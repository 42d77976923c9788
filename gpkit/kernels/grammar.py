r"""Kernels from text and back: ``2*matern32(ard) * periodic(year, period=1) + linear``.

Every additive term gets exactly one trainable variance. A number in front is its start
value, ``fixed(2)*`` freezes it. `linear`, `constant` and `spectral` have a variance of
their own, and so has a sum inside a product; these take the part where there is one, and
of several in a product all but one rest at 1.

Lengthscales, periods and change points are in the original units of their columns. One
lengthscale for several columns is in units of the geometric mean of their scales.
Variances, offsets of a polynomial and all that has no unit are as stored.
"""

from collections.abc import Sequence

import jax

from gpkit.kernels.base import AbstractKernel, Constant, Product, Scale, Sum
from gpkit.kernels.building import Amplitude, Scope, build_call, inner_scope
from gpkit.kernels.categorical import Exchangeable, Hamming
from gpkit.kernels.columns import Columns
from gpkit.kernels.nonstationary import ChangePoint, Linear
from gpkit.kernels.periodic import SpectralMixture
from gpkit.kernels.printing import Style, concrete, expression
from gpkit.kernels.syntax import Add, Call, Mul, Node, Parser, Value
from gpkit.kernels.transforms import Select, Warp
from gpkit.kernels.vocabulary import WORDS

TRAINED = Amplitude(1.0, False)
RESTING = Amplitude(1.0, True)


def parse(text: str, columns: Columns | int) -> AbstractKernel:
    """The kernel that an expression describes, over these columns (or so many plain ones).

    Raises GrammarError, which shows the text with a caret under the character at fault.
    """
    if not isinstance(text, str):
        raise TypeError(f"a kernel expression must be a string, got {type(text).__name__}")
    columns = Columns.plain(columns) if isinstance(columns, int) else columns
    takes = {name: word.takes for name, word in WORDS.items()}
    node = Parser(text, takes, columns.names).parse()
    return build(node, Scope(text, columns), TRAINED)


def build(node: Node, scope: Scope, start: Amplitude) -> AbstractKernel:
    """The kernel of a sum, product or call; `start` is its variance where none is written."""
    if isinstance(node, Add):
        first, *rest = node.terms
        terms = [build(first, scope, start), *(build(t, scope, TRAINED) for t in rest)]
        return Sum(terms)
    numbers, factors = opened(node)
    starts, around = shares(factors, amplitude(numbers, scope), start)
    kernels = [factor(f, scope, s) for f, s in zip(factors, starts, strict=True)]
    kernel = joined(kernels)
    return kernel if around is None else Scale(kernel, around.leaf())


def joined(factors: Sequence[AbstractKernel]) -> AbstractKernel:
    """The product of one or more kernels."""
    return factors[0] if len(factors) == 1 else Product(factors)


def factor(node: Node, scope: Scope, start: Amplitude) -> AbstractKernel:
    """The kernel of one factor, without a variance unless it has one of its own."""
    if not isinstance(node, Call):
        return build(node, scope, start)
    inside = inner_scope(node, scope)
    kernels = [build(k, inside, start if i == 0 else TRAINED) for i, k in enumerate(node.kernels)]
    return build_call(node, scope, kernels, start)


def opened(node: Node) -> tuple[list[Value], list[Node]]:
    """Numbers and other factors of a product, nested products opened up."""
    if isinstance(node, Value):
        return [node], []
    if not isinstance(node, Mul):
        return [], [node]
    parts = [opened(f) for f in node.factors]
    return [n for numbers, _ in parts for n in numbers], [f for _, fs in parts for f in fs]


def amplitude(numbers: list[Value], scope: Scope) -> Amplitude | None:
    """The product of the numbers in front, or None where there is none."""
    if not numbers:
        return None
    if len({n.fixed for n in numbers}) > 1:
        raise scope.error("one variance cannot be both fixed and trained", numbers[1].position)
    value = 1.0
    for number in numbers:
        value *= float(number.numbers)
    return Amplitude(value, numbers[0].fixed)


def shares(
    factors: list[Node], written: Amplitude | None, start: Amplitude
) -> tuple[list[Amplitude], Amplitude | None]:
    """Who in a product carries its one variance: a start per factor, and one around all."""
    own = [i for i, f in enumerate(factors) if variance_slot(f) and not shows_variance(f)]
    # A mixture at rest would have frozen weights, so that it carries before others do.
    own.sort(key=lambda i: variance_slot(factors[i]) != "weights")
    groups = [i for i, f in enumerate(factors) if isinstance(f, Add) or is_wrapper(f)]
    starts = [RESTING] * len(factors)
    if written is None and any(shows_variance(f) for f in factors):
        return starts, None
    if own:
        starts[own[0]] = written or start
        return starts, None
    if written is None and groups:
        starts[groups[0]] = start
        return starts, None
    return starts, written or start


def variance_slot(node: Node) -> str:
    """The slot that is the variance of a factor, if it has one of its own."""
    return WORDS[node.word].amplitude if isinstance(node, Call) else ""


def shows_variance(node: Node) -> bool:
    """Whether that variance is written."""
    return isinstance(node, Call) and variance_slot(node) in node.values


def is_wrapper(node: Node) -> bool:
    """Whether a factor is a call around other kernels, which carry variances."""
    return isinstance(node, Call) and WORDS[node.word].takes > 0


def to_expression(
    kernel: AbstractKernel, columns: Columns | int, *, digits: int | None = None
) -> str:
    """The expression that `parse` turns into this kernel, numbers in original units.

    `digits` are significant digits; None writes as many as make every number exact. A
    kernel that `parse` made comes back the same; another comes back as an equal function
    with the same trainable values, variances moved to where the grammar has them. Priors
    are not part of an expression.

    Raises ValueError for what the grammar cannot say: Python functions, kernels of other
    packages, columns that cut through a category, values that are being traced.
    """
    columns = Columns.plain(columns) if isinstance(columns, int) else columns
    if any(concrete(leaf) is None for leaf in jax.tree.leaves(kernel)):
        raise ValueError("to_expression needs the values of the kernel, not traced ones")
    return expression(carried(canonical(kernel, columns)), Style(digits, columns))


def canonical(kernel: AbstractKernel, columns: Columns) -> AbstractKernel:
    """An equal kernel in the form that `parse` makes: selections inside, variances outside."""
    inner = lambda k: canonical(k, columns)  # noqa: E731
    match kernel:
        case Sum():
            return Sum([carried(inner(k)) for k in kernel.terms])
        case Product():
            return Product([part for k in kernel.factors for part in unscaled(inner(k))])
        case Scale():
            return Scale(joined(unscaled(inner(kernel.kernel))), kernel.variance)
        case ChangePoint():
            left, right = carried(inner(kernel.left)), carried(inner(kernel.right))
            location, steepness = kernel.location, kernel.steepness
            return ChangePoint(left, right, location, steepness, kernel.column)
        case Warp():
            warped = carried(inner(kernel.kernel))
            return Warp(warped, kernel.a, kernel.b, low=kernel.low, high=kernel.high)
        case Select():
            return pushed(kernel, columns)
        case Exchangeable() | Hamming():
            every = range(len(columns.names))
            return Select(kernel, columns.encoded(every), columns.names)
    return kernel


def pushed(select: Select, columns: Columns) -> AbstractKernel:
    """A selection moved inside, to the kernels that the grammar gives columns."""
    take = lambda k: canonical(Select(k, select.columns, select.names), columns)  # noqa: E731
    kernel = select.kernel
    match kernel:
        case Sum():
            return canonical(Sum([take(k) for k in kernel.terms]), columns)
        case Product():
            return canonical(Product([take(k) for k in kernel.factors]), columns)
        case Scale():
            return canonical(Scale(take(kernel.kernel), kernel.variance), columns)
        case ChangePoint():
            left, right, column = take(kernel.left), take(kernel.right), kernel.column
            location, steepness = kernel.location, kernel.steepness
            moved = ChangePoint(left, right, location, steepness, select.columns[column])
            return canonical(moved, columns)
        case Select():
            chosen = [select.columns[j] for j in kernel.columns]
            return canonical(Select(kernel.kernel, chosen, kernel.names), columns)
        case Warp():
            inside = columns.take(columns.sources(select.columns))
            return Select(canonical(kernel, inside), select.columns, select.names)
        case Constant():
            return kernel
    return select


def unscaled(kernel: AbstractKernel) -> tuple[AbstractKernel, ...]:
    """Factors whose product is the kernel, a variance around it as a `Constant`."""
    if isinstance(kernel, Scale):
        return Constant(kernel.variance), kernel.kernel
    return (kernel,)


def carried(kernel: AbstractKernel) -> AbstractKernel:
    """The kernel with a variance fixed at 1 where `parse` would else add a trained one."""
    return kernel if carries(kernel) else Scale(kernel, RESTING.leaf())


def carries(kernel: AbstractKernel) -> bool:
    """Whether a variance is written somewhere in the product that the kernel is."""
    if isinstance(kernel, Product):
        return any(carries(k) for k in kernel.factors)
    if isinstance(kernel, Select):
        return carries(kernel.kernel)
    return isinstance(kernel, (Scale, Sum, Linear, Constant, SpectralMixture, ChangePoint, Warp))
