"""Report of the suite ``krylov``."""

from benchmarks.rendering.markdown import header, table

HEAD = ["operator", "algorithm", "loss", "K", "method", "value, s", "gradient, s", "compile, s"]
HEAD += ["memory, bases", "error of the slope"]


def render(document):
    """The whole page."""
    text = (
        "Best seconds of the compiled value, and of value and gradient; seconds to compile the "
        "latter; its temporary memory in units of the K x n basis; relative error of the gradient "
        "along one direction, and in brackets how far two difference formulas for the reference "
        "disagree, where that is larger.\n"
    )
    rows = [_row(row) for row in document["jobs"]]
    parts = ["# Suite krylov\n", header(document, document["versions"]), text, table(HEAD, rows)]
    ratios = _ratios(document["jobs"])
    if ratios:
        head = ["gpkit / rival", "rows", "gradient seconds", "compile seconds", "memory"]
        head += ["slope less accurate (tenfold, beyond the reference)"]
        parts.append("Medians over rows of gpkit's adjoint over the rival's:\n")
        parts.append(table(head, ratios))
        parts.append("The same by operator and algorithm, against matfree:\n")
        parts.append(table(["operator", "algorithm", *head[1:]], _by_algorithm(document["jobs"])))
    return "\n".join(parts)


def _row(row):
    cells = [row["operator"], row["algorithm"], row["loss"], row["depth"], row["method"]]
    if "failure" in row:
        return [*cells, row["failure"].replace("|", "/"), *["-"] * 4]
    error, doubt = row["slope_relative_error"], row["slope_reference_uncertainty"]
    slope = f"{error:.0e}" + (f" ({doubt:.0e})" if doubt > error else "")
    return [
        *cells, f"{row['forward']['best_seconds']:.2g}", f"{row['gradient']['best_seconds']:.2g}",
        f"{row['compile_gradient_seconds']:.1f}", f"{row['gradient_memory_in_bases']:.1f}", slope,
    ]  # fmt: skip


def _ratios(rows):
    found = {rival: _pairs(rows, rival) for rival in ("matfree", "backprop")}
    return [
        [rival, len(pairs), *_medians(pairs), _worse(pairs)]
        for rival, pairs in found.items()
        if pairs
    ]


def _by_algorithm(rows):
    groups = {}
    for ours, theirs in _pairs(rows, "matfree"):
        kind = ours["operator"].split()[0]
        kind = kind if kind in ("dense", "kernel") else "sparse"
        groups.setdefault((kind, ours["algorithm"]), []).append((ours, theirs))
    return [[*key, len(pairs), *_medians(pairs), _worse(pairs)] for key, pairs in groups.items()]


def _pairs(rows, rival):
    """gpkit's rows beside the rival's."""

    def place(row):
        return tuple(row[key] for key in ("operator", "algorithm", "loss", "depth"))

    good = [row for row in rows if "failure" not in row]
    ours = {place(row): row for row in good if row["method"] == "gpkit"}
    return [(ours[place(r)], r) for r in good if r["method"] == rival and place(r) in ours]


def _medians(pairs):
    readers = (
        lambda row: row["gradient"]["best_seconds"],
        lambda row: row["compile_gradient_seconds"],
        lambda row: row["gradient_memory_in_bases"],
    )
    for read in readers:
        quotients = sorted(read(a) / read(b) for a, b in pairs)
        yield f"{quotients[len(quotients) // 2]:.2f}"


def _worse(pairs):
    """Rows where our slope has more than ten times the rival's error, beyond the reference's."""
    return sum(
        a["slope_relative_error"]
        > 10 * max(b["slope_relative_error"], a["slope_reference_uncertainty"])
        for a, b in pairs
    )
