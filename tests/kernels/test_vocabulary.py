import numpy as np

from gpkit import kernels as gk
from gpkit.kernels.vocabulary import WORDS, spectral_start


def test_every_word_has_its_kernel_and_every_kernel_its_word():
    assert {name: word.make.word for name, word in WORDS.items()} == {name: name for name in WORDS}
    classes = {
        value
        for value in vars(gk).values()
        if isinstance(value, type)
        and issubclass(value, gk.AbstractKernel)
        and not value.__name__.startswith("Abstract")
    }
    without = {gk.Sum, gk.Product, gk.Scale, gk.Select, gk.Function}
    assert classes - without == {word.make for word in WORDS.values()}


def test_slots_are_fields():
    for word in WORDS.values():
        fields = word.make.__dataclass_fields__
        assert set(word.slots) <= set(fields)
        assert set(word.ard) <= set(word.slots)
        assert {word.amplitude} <= {"", *word.slots}


def test_parts_of_a_mixture_start_apart():
    start = spectral_start(3, 2)
    assert {key: v.shape for key, v in start.items()} == {
        "weights": (3,),
        "means": (3, 2),
        "scales": (3, 2),
    }
    assert len(np.unique(start["means"][:, 0])) == 3
    np.testing.assert_allclose(start["weights"].sum(), 1.0)
