"""Fitting classifiers of measured cases by scikit-learn; what is fitted leaves as plain numbers."""

from collections.abc import Callable
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveFloat, PositiveInt
from sklearn.base import BaseEstimator
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from medweave.core.errors import DataError
from medweave.core.registry import Registry
from medweave.measurement_classifiers.classifier import ForestScores, LinearScores, MeasurementClassifier, Tree
from medweave.measurement_classifiers.cross_validation import MeasuredCases, cross_validate

Candidate = Literal["logistic_regression", "linear_discriminant", "random_forest", "extra_trees"]

#: Functions of measured cases with keyword-only parameters.
MEASUREMENT_CLASSIFIERS: Registry[Callable[..., MeasurementClassifier]] = Registry(
    "classifier of measurements", home="medweave.measurement_classifiers"
)
"""Fits of classifiers of measurements by name."""

#: Least probability that counts in a log loss, so that one sure error does not decide alone.
LEAST_PROBABILITY = 1e-3


@MEASUREMENT_CLASSIFIERS.register("logistic_regression")
def logistic_regression(cases: MeasuredCases, *, inverse_penalty: PositiveFloat = 1.0) -> MeasurementClassifier:
    """Multinomial logistic regression on standardised measurements, its squared coefficients penalised.

    Args:
        cases: To fit.
        inverse_penalty: Inverse strength of the penalty (C in scikit-learn).
    """
    return _fit(cases, "logistic_regression", LogisticRegression(C=inverse_penalty, max_iter=5000))


@MEASUREMENT_CLASSIFIERS.register("linear_discriminant")
def linear_discriminant(cases: MeasuredCases) -> MeasurementClassifier:
    """Linear discriminant analysis, its covariance shrunk (Ledoit and Wolf, J Multivar Anal 2004)."""
    return _fit(cases, "linear_discriminant", LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto"))


@MEASUREMENT_CLASSIFIERS.register("random_forest")
def random_forest(cases: MeasuredCases, *, trees: PositiveInt = 100) -> MeasurementClassifier:
    """Random forest (Breiman, Mach Learn 2001).

    Args:
        cases: To fit.
        trees: Their number.
    """
    return _fit(cases, "random_forest", RandomForestClassifier(trees, random_state=0))


@MEASUREMENT_CLASSIFIERS.register("extra_trees")
def extra_trees(cases: MeasuredCases, *, trees: PositiveInt = 100) -> MeasurementClassifier:
    """Extremely randomised trees (Geurts et al., Mach Learn 2006).

    Args:
        cases: To fit.
        trees: Their number.
    """
    return _fit(cases, "extra_trees", ExtraTreesClassifier(trees, random_state=0))


@MEASUREMENT_CLASSIFIERS.register("best_of")
def best_of(
    cases: MeasuredCases,
    *,
    candidates: Annotated[tuple[Candidate, ...], Field(min_length=1)] = (
        "logistic_regression",
        "linear_discriminant",
        "extra_trees",
    ),
) -> MeasurementClassifier:
    """The candidate with the least cross-validated log loss here; the first where a class has fewer than 3 subjects.

    Args:
        cases: To fit.
        candidates: Names of the methods to choose from.
    """
    fits = [MEASUREMENT_CLASSIFIERS.get(name) for name in candidates]
    if len(fits) > 1 and cases.fewest_subjects > 2:
        losses = [log_loss(cases, cross_validate(cases, fit, seeds=(0,))[0]) for fit in fits]
        return fits[int(np.argmin(losses))](cases)
    return fits[0](cases)


def log_loss(cases: MeasuredCases, probabilities: NDArray[np.float64]) -> float:
    """Return the mean negative logarithm of the probability that each case's class was given.

    Args:
        cases: With their classes.
        probabilities: (cases, classes), the classes in the order of `numpy.unique`.
    """
    columns = np.searchsorted(np.unique(cases.classes), cases.classes)
    return float(-np.log(np.maximum(probabilities[np.arange(len(columns)), columns], LEAST_PROBABILITY)).mean())


def _fit(cases: MeasuredCases, method: str, estimator: BaseEstimator) -> MeasurementClassifier:
    if len(np.unique(cases.classes)) < 2:
        raise DataError(
            "one class alone leaves nothing to tell apart",
            got=", ".join(np.unique(cases.classes)) or "no measured case",
            fix="train with subjects of every class.",
        )
    imputer = SimpleImputer(strategy="median", keep_empty_features=True)
    scaler = StandardScaler()
    estimator.fit(scaler.fit_transform(imputer.fit_transform(cases.values)), cases.classes)
    return MeasurementClassifier(
        method=method,
        classes=estimator.classes_.tolist(),
        measurements=list(cases.measurements),
        medians=imputer.statistics_.tolist(),
        means=scaler.mean_.tolist(),
        scales=scaler.scale_.tolist(),
        shares=[float(np.mean(cases.classes == name)) for name in estimator.classes_],
        scores=_forest(estimator) if hasattr(estimator, "estimators_") else _linear(estimator),
    )


def _linear(estimator: BaseEstimator) -> LinearScores:
    coefficients, intercepts = estimator.coef_, estimator.intercept_
    if len(estimator.classes_) == 2:  # scikit-learn keeps one row, the second class's score against zero
        coefficients, intercepts = np.vstack([0 * coefficients, coefficients]), np.hstack([0 * intercepts, intercepts])
    return LinearScores(coefficients.tolist(), intercepts.tolist())


def _forest(estimator: BaseEstimator) -> ForestScores:
    return ForestScores(
        [
            Tree(
                measurement=tree.tree_.feature.tolist(),
                threshold=tree.tree_.threshold.tolist(),
                left=tree.tree_.children_left.tolist(),
                right=tree.tree_.children_right.tolist(),
                probabilities=tree.tree_.value[:, 0].tolist(),
            )
            for tree in estimator.estimators_
        ]
    )
