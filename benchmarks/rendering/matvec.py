"""Report of the suite ``matvec``."""

from benchmarks.rendering.markdown import header, number, table

HEAD = ["kernel, n, d, right-hand sides", "floor", "product", "rate / floor's", "gradient",
        "stored", "float64", "GPyTorch dense", "KeOps"]  # fmt: skip


def render(document):
    """The whole page."""
    rates = document["rates"]
    rows = [_row(job) for job in document["jobs"]]
    absent = {}
    for job in document["jobs"]:
        absent |= {k: v for k, v in job["left_out"].items() if k not in job["engines"]}
    text = (
        "Seconds of one product (least of several runs, recomputed tiles in float32 between "
        "float64 operands). Gradient: of a bilinear form with respect to all parameters and "
        "inputs, one pass. Floor: every entry once at the rates of this machine, "
        f"{rates['exponentials'] / 1e9:.2f}e9 float32 exponentials and "
        f"{rates['multiply_adds'] / 1e9:.0f}e9 float32 multiply-adds of matrix products a "
        "second; symmetry saves half the entries, so that rates above it are possible.\n"
    )
    left = "".join(f"- {name}: {reason}\n" for name, reason in absent.items())
    notes = f"\nLeft out, with the last reason:\n\n{left}" if left else ""
    return (
        "\n".join(
            ["# Suite matvec\n", header(document, document["versions"]), text, table(HEAD, rows)]
        )
        + notes
    )


def _row(job):
    own = _least(job, "matvec_gpkit")
    product = own.get("recomputed")
    cells = [f"{job['kernel']}, {job['n']}, {job['d']}, {job['k']}"]
    cells += [number(job["floor_seconds"], 4), number(product, 4)]
    cells.append(number(job["floor_seconds"] / product if product else None, 2))
    cells += [number(own.get(name), 4) for name in ("gradient", "stored", "float64")]
    cells += [number(_least(job, f"matvec_{name}").get("recomputed"), 4) for name in
              ("gpytorch", "keops")]  # fmt: skip
    return cells


def _least(job, engine):
    seconds = job["engines"].get(engine, {"seconds": {}})["seconds"]
    return {name: min(values) for name, values in seconds.items() if values}
