"""scikit-learn's gradient-boosted trees with their defaults: means alone."""

from sklearn.ensemble import HistGradientBoostingRegressor


class Trainer:
    """One call of `advance` is the whole fit."""

    def __init__(self, X, y, settings):
        self._X, self._y = X, y
        self._model = HistGradientBoostingRegressor(random_state=settings["seed"])

    def advance(self):
        self._model.fit(self._X, self._y)
        return {"done": True, "points": [{"step": self._model.n_iter_}]}

    def predict(self, X_new):
        return self._model.predict(X_new), None


def trainer(X, y, settings):
    return Trainer(X, y, settings)
