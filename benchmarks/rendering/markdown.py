"""Small pieces of Markdown."""


def table(head, rows):
    """A table; the first column left, the others right."""
    lines = ["| " + " | ".join(head) + " |"]
    lines.append("| --- |" + " ---: |" * (len(head) - 1))
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def number(value, digits=3):
    """Fixed digits; a dash for what was not measured."""
    return "-" if value is None else f"{value:.{digits}f}"


def header(document, versions):
    """Where and when the numbers were measured."""
    machine, threads = document["machine"], document["settings"]["threads"]
    packages = ", ".join(f"{name} {version}" for name, version in sorted(versions.items()))
    return (
        f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gb']} GB, "
        f"{machine['system']}; {threads} threads for every method; {machine['date']}; "
        f"commit `{machine['commit']}`; load average at the start "
        f"{number(machine['load_average'], 2)}.\n"
        f"Versions: {packages}.\n"
    )
